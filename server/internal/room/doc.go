// Package room decides what follows from the entries of a conversation: who is here, which names are taken,
// whom a message reaches, and in which order everything happened.
//
// A Room is a deterministic state machine. The same entries, applied in the same order, make the same room
// and the same outcomes, in a server that has started again as in every server of a cluster. These rules keep
// it so:
//
//   - Apply uses no network, clock, goroutine, lock or random number. The time is the entry's.
//   - Nothing that Apply does or returns depends on the order of a map.
//   - No setting of a server counts. What a setting decides, such as how long a session outlives its
//     connection, reaches the room as an entry.
//   - Names arrive in their normal form, see [wire.CheckName].
//   - An entry is decided by the rules of the version that wrote it. One of version 1 of the event log, which
//     has neither a key nor an address, takes the name of whoever is away, and there is no other rule. So
//     other forms of [wire.NameKey] and [wire.Skeleton] need another version.
package room
