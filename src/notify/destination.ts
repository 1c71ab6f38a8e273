import { isIP } from 'node:net'
import { isPublicAddress } from './addresses.ts'

/** Which hosts may be sent to whatever their address: names or addresses, each alone or with a port. */
export type AllowedHosts = ReadonlySet<string>

/** Why nothing is sent to an URL; undefined when it may be. A name is looked up only when it is connected to. */
export type DestinationFlaw = 'is not a URL' | 'must begin with http:// or https://' | FlawOfHost
type FlawOfHost = 'must not contain a user or password' | 'leads to an address that is not public'

/** What is wrong with an URL as such, before anybody looks a name up. */
export function flawOf(url: string, allowed: AllowedHosts): DestinationFlaw | undefined {
  if (!URL.canParse(url)) return 'is not a URL'
  const { protocol, username, password, hostname } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') return 'must begin with http:// or https://'
  if (username !== '' || password !== '') return 'must not contain a user or password'
  if (isAllowed(new URL(url), allowed)) return undefined
  const host = bareHost(hostname)
  const isPublic = isIP(host) === 0 ? !isLocalName(host) : isPublicAddress(host)
  return isPublic ? undefined : 'leads to an address that is not public'
}

/** Whether a setting names the host, so that its address is not looked at. */
export function isAllowed({ hostname, port, protocol }: URL, allowed: AllowedHosts): boolean {
  const host = bareHost(hostname)
  return allowed.has(host) || allowed.has(`${host}:${port === '' ? defaultPorts[protocol] : port}`)
}

const defaultPorts: Record<string, string> = { 'http:': '80', 'https:': '443' }

/** A host as the setting spells it: without brackets, and without the dot that ends a full name. */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

/** RFC 6761 §6.3. */
function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}
