/**
 * Which full names a short name may mean.
 *
 * @since 0.1.0
 */
import * as Host from "effect/net/Host"
import * as Result from "effect/Result"
import * as SpecialNames from "./SpecialNames.ts"

/**
 * Gives the names to ask for, in order; none ends in a dot.
 *
 * **Details**
 *
 * A name that ends in a dot stands for itself. One with at least `ndots` dots is
 * asked as it stands first, any other after the search list. Candidates that
 * would be too long are left out. A special name is never searched for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const candidates = (
  name: Host.DomainName,
  options: { readonly search: ReadonlyArray<Host.DomainName>; readonly ndots: number }
): ReadonlyArray<Host.DomainName> => {
  const itself = Host.toRelative(name)
  if (Host.isFullyQualified(name) || SpecialNames.classify(name) !== undefined) return [itself]
  const searched = options.search.flatMap((domain) => {
    const candidate = Host.domainNameFromString(`${itself}.${domain}`)
    return Result.isSuccess(candidate) ? [candidate.success] : []
  })
  const dots = itself.split(".").length - 1
  return [...new Set(dots >= options.ndots ? [itself, ...searched] : [...searched, itself])]
}
