// Package fault is the one error taxonomy of sotto. Every error that a sotto package returns wraps exactly one Code, so
// that a program can decide what to do without reading texts:
//
//	if errors.Is(err, fault.WrongSecret) { … }   // a known case
//	switch fault.Of(err) { … }                   // all cases
//
// A Code is itself an error and a constant, so nobody can reassign it. Its number and name are stable: bindings to other
// languages carry them. The texts around a Code name a field, an offset, a length or
// the number of an algorithm where that helps, never a secret and never content.
package fault

import "errors"

// Code says why an operation was refused. The numbers are part of the API and never change meaning.
type Code int32

// The codes. docs/errors.md lists them with what an app should do; it is generated from this package.
const (
	WrongSecret        Code = iota + 1 // the password or key does not open this: its key commitment differs
	Damaged                            // it does not open in this place: bytes altered, or sealed for somewhere else
	UnsupportedVersion                 // made by a newer version of the format
	NotForThisDevice                   // sealed, but not to this recipient
	UnknownSession                     // the session key never arrived: ask the sender for it again
	Replayed                           // seen before
	TooFarAhead                        // beyond the window that is accepted
	Expired                            // its time is over
	UntrustedSigner                    // signed by somebody other than expected, or the signature is wrong
	IdentityChanged                    // the contact's identity is not the pinned one
	RevokedDevice                      // the device was revoked
	LogFork                            // two valid histories that contradict each other
	Rollback                           // older than what was already seen
	OverLimit                          // larger, deeper, longer or costlier than the limits allow
	DestroyedKey                       // the key was destroyed
	StoreFailed                        // the store could not read or write
	StoreConflict                      // another process committed first
	Canceled                           // the context was cancelled or its deadline passed
	Malformed                          // not of the expected form; the text names field and offset
	Misuse                             // the caller broke a documented precondition
	SenderReset                        // the sender's counter went back: restored from an old copy
)

// Of returns the first Code in the chain of err, or 0 when there is none (nil included).
func Of(err error) Code {
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return 0
}

// Error returns the stable English text of the code. It holds no data of the failed operation.
func (c Code) Error() string { return c.row().text }

// Name returns the stable machine-readable name of the code, for example "wrong_secret".
func (c Code) Name() string { return c.row().name }

// Retryable reports whether the same call may succeed when it is simply made again.
func (c Code) Retryable() bool { return c.row().retryable }

// Action returns what the app should do, as one stable English sentence.
func (c Code) Action() string { return c.row().action }

// Codes returns all codes in ascending order.
func Codes() []Code {
	all := make([]Code, len(table)-1)
	for i := range all {
		all[i] = Code(i + 1)
	}
	return all
}
