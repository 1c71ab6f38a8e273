import { afterEach, beforeEach, describe } from 'vitest'
import type { StorageFixture } from './sample-upload.ts'
import { claiming, finishing, objects, reopening } from './storage-contract-finishing.ts'
import { listing } from './storage-contract-listing.ts'
import { growing } from './storage-contract-objects.ts'
import { refusing, writing } from './storage-contract-writing.ts'

/** What a store does otherwise than the others, and no storage on it can help. */
type Differences = {
  /** A chunk is taken for an upload that has become an object; the same bytes change nothing. */
  takesLateChunks?: boolean
}

/** The promises of `Storage`. Every implementation runs this suite; `open` gives it an empty medium for each test. */
export function storageContract(
  name: string,
  open: () => Promise<StorageFixture>,
  differences: Differences = {},
): void {
  describe(`${name} keeps the storage contract`, () => {
    let fixture: StorageFixture
    beforeEach(async () => {
      fixture = await open()
    })
    afterEach(() => fixture.dispose())
    const current = () => fixture
    describe('writing chunks', () => {
      writing(current)
    })
    describe('refusing chunks', () => {
      refusing(current)
    })
    describe('finishing', () => {
      finishing(current)
    })
    describe('finishing by more than one claim', () => {
      claiming(current, differences.takesLateChunks ?? false)
    })
    describe('giving back damaged chunks', () => {
      reopening(current)
    })
    describe('objects that grow', () => {
      growing(current)
    })
    describe('objects', () => {
      objects(current)
    })
    describe('what lies in it', () => {
      listing(current)
    })
  })
}
