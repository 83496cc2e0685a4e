// Package spark is a client of Spark Connect, the protocol of remote Spark
// sessions. It serves Apache Spark 3.5 and later, and Sail.
//
// A [DataFrame] describes work and does none: it is a plan, built lazily,
// immutable, and free to share between goroutines. Building cannot fail. A plan
// that cannot be (a join of an unknown kind, too many steps) carries its error
// to the action, as [DataFrame.Err].
//
// A [Session] runs plans. It is one session at the server, for any number of
// goroutines, over one connection. What breaks on the way is mended where that
// is safe: a stream that ends early is taken up again where it ended, an engine
// that is away is waited for. When the engine has lost the session, the call
// that finds out fails with [ErrSessionLost], and the next one opens a new
// session of the next generation: whatever lived in the old one (checkpoints,
// temporary views, settings) is gone.
//
// A context that ends stops the work in the engine, not only the waiting.
//
// Generated stubs are in sparkpb; no other package sees the wire.
package spark
