/** How a form in a dialog ends. */
export function FormButtons({ button, isBusy, onClose }: { button: string; isBusy: boolean; onClose: () => void }) {
  return (
    <footer>
      <button type="button" className="button" onClick={() => onClose()}>
        Back
      </button>
      <button type="submit" className="button primary" disabled={isBusy}>
        {button}
      </button>
    </footer>
  )
}
