import type { Organization } from './data.ts'

export interface PlaceOptions {
  /**
   * Responds as sentry.io: organizations have hosts and regions of their own below `sentry.io`, and a region's host
   * knows the organizations of that region alone. The port stays on loopback; requests reach it through a proxy, or
   * name the host in their `Host` header.
   */
  cloud?: boolean
  /** What organizations of a self-hosted Sentry name as their region: empty by default, otherwise its url-prefix. */
  regionUrl?: string
  /** What the links in responses of a self-hosted Sentry begin with (`system.url-prefix`): by default where it was asked. */
  urlPrefix?: string
}

/** Where organizations say that they are. */
export interface Place {
  isCloud: boolean
  /** The origin in links, for a request to `host`. */
  getOrigin(host: string): string
  /** Of the web pages of an organization, without a slash at the end. */
  getOrganizationUrl(organization: Organization, origin: string): string
  getRegionUrl(organization: Organization): string
  listRegions(origin: string): { name: string; url: string }[]
  /** Whether the host that was asked knows an organization. */
  holds(organization: Organization, host: string): boolean
}

const REGIONS = ['us', 'de'] as const

export function createPlace({ cloud = false, regionUrl = '', urlPrefix }: PlaceOptions): Place {
  if (!cloud) {
    return {
      isCloud: false,
      getOrigin: (host) => urlPrefix ?? `http://${host}`,
      getOrganizationUrl: ({ slug }, origin) => `${origin}/organizations/${slug}`,
      getRegionUrl: () => regionUrl,
      listRegions: (origin) => [{ name: '--monolith--', url: origin }],
      holds: () => true,
    }
  }
  return {
    isCloud: true,
    getOrigin: () => 'https://sentry.io',
    getOrganizationUrl: ({ slug }) => `https://${slug}.sentry.io`,
    getRegionUrl: ({ region }) => createRegionUrl(region),
    listRegions: () => REGIONS.map((name) => ({ name, url: createRegionUrl(name) })),
    holds: ({ region }, host) => {
      const asked = REGIONS.find((name) => host === `${name}.sentry.io`)
      return asked === undefined || asked === region
    },
  }
}

function createRegionUrl(region: string): string {
  return `https://${region}.sentry.io`
}
