/**
 * Who did something, for people to read: the person's name where it is known, `Stratum` for its own parts, a machine by its id.
 * `actor` is as in the log: `account:<id>`, `reactor:<name>`, `shopfloor:<id>`, …
 */
export function actorText(actor: string, name: string | null): string {
  if (name !== null) return name;
  const [kind = '', id = ''] = actor.split(':');
  switch (kind) {
    case 'reactor':
    case 'gateway':
      return 'Stratum';
    case 'shopfloor':
      return id;
    default:
      return actor;
  }
}
