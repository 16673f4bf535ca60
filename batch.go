package sotto

import (
	"encoding/binary"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// input is something that came in, or that was held and is looked at again.
type input struct {
	data    []byte
	held    *queue.Queue // where it was held
	checked Event        // what prepare found out
	event   Event        // what became of it
	ready   ready        // what is to be done with it, nil for nothing
}

// ready is an input that was checked. apply writes what follows from it. The error is the reason why it cannot be used
// after all, or says that the work was not done (see aborts).
type ready interface {
	apply(v *view, in *input) error
}

// refuse says why an input cannot be used.
func (in *input) refuse(err error) {
	in.ready = nil
	in.event.Why = fault.Of(err)
	in.event.Body = nil
}

// wait keeps an input until what it needs is here.
func (in *input) wait(q queue.Queue, why fault.Code, needs []Need) {
	for i := range needs {
		needs[i].For = in.event.ID
	}
	in.event.Why, in.event.Needs, in.ready = why, needs, &waiting{q}
}

// batch is what one call of Receive works on.
type batch struct {
	*Account
	given    int    // of the inputs, those of the caller
	asking   bool   // everything that is held counts
	version  uint64 // of the directory at the start
	looked   bool   // at held envelopes
	inputs   []*input
	loaded   bool                        // held entries of groups, on the way
	logs     session.Logs                // as they are once this batch is applied
	also     map[session.ID][]Reader     // of the sessions that messages are opened with
	headLogs map[session.ID]session.Logs // of the identities that a session names
	groups   map[device.Hash]*groupWork
	sorted   map[*input]bool // entries of groups that are among the work on a group
	keys     *device.Keys
	former   *device.Keys // of this device before it recovered, nil for none
	sessions map[session.Prefix][]*session.Session
	accepted []*session.Session // by this batch
	grown    []*input           // log entries, in the order in which they follow each other
	asked    map[session.Prefix][]byte
	shared   map[session.Prefix]bool // sessions of groups that a member has shared
	notices  []Event
	due      bool // sessions in groups, see announce
	joined   bool // a group is known now
	claims   []groupClaim
}

// lookedAt is the version of the directory at which the held envelopes were last looked at.
func (v *view) lookedAt() (uint64, error) {
	b, _, err := v.tx.Get(lookedName)
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// noteLook notes that the held envelopes were looked at with all logs as they are now.
func (b *batch) noteLook(v *view, before uint64) error {
	if !b.looked || before != b.version { // none were, or another process brought a log in between
		return nil
	}
	after, err := directory.Version(v.tx)
	if err != nil {
		return err
	}
	if looked, err := v.lookedAt(); err != nil || looked == after {
		return err
	}
	v.tx.Put(lookedName, binary.BigEndian.AppendUint64(nil, after))
	return nil
}

var lookedName = store.Name{Room: "held/looked"}

// apply writes everything in one transaction: logs first, then keys, sessions, messages and requests.
func (b *batch) apply(v *view) error {
	b.notices = nil
	before, err := directory.Version(v.tx)
	if err != nil {
		return err
	}
	if before != b.version && slices.ContainsFunc(b.inputs, (*input).waits) {
		return errStale // a log came in between, which may be what was waited for
	}
	v.notices = nil
	for _, in := range b.grown {
		if err := b.applyOne(v, in); err != nil {
			return err
		}
	}
	if err := b.applyGroups(v); err != nil {
		return err
	}
	if v.settled { // after the groups have moved
		if err := v.announceEverywhere(); err != nil {
			return err
		}
	}
	if err := v.tellClaims(b.claims); err != nil {
		return err
	}
	for _, k := range []Kind{KindGroup, KindKey, KindSession, KindMessage, KindHistory, KindRequest} {
		for _, in := range b.inputs {
			if in.checked.Kind != k {
				continue
			}
			if err := b.applyOne(v, in); err != nil {
				return err
			}
		}
	}
	if err := v.doDuties(false); err != nil {
		return err
	}
	if v.restored {
		b.notices = append(b.notices, Event{Kind: KindRestored, User: b.user, Device: b.Device(), Why: fault.SenderReset})
	}
	v.notices = append(b.notices, v.notices...)
	if err := v.keepNotices(); err != nil {
		return err
	}
	b.notices, b.due, b.joined = v.notices, v.announce, v.joined
	return b.noteLook(v, before)
}

// keepNotices puts what followed into the inbox: nothing else would tell it once more.
func (v *view) keepNotices() error {
	version, err := directory.Version(v.tx)
	if err != nil {
		return err
	}
	keys, err := v.keys()
	if err != nil {
		return err
	}
	for i := range v.notices {
		e := &v.notices[i]
		if e.ID == (queue.ID{}) {
			e.ID = e.noticeID(version, keys.Generation(), i)
		}
		fields, err := e.bytes()
		if err != nil {
			return err
		}
		if _, err := inbox.Put(v.tx, e.ID, fields); err != nil {
			return err
		}
	}
	return nil
}

// applyOne writes what follows from one input. What was held and is used or refused now is not held any more.
func (b *batch) applyOne(v *view, in *input) error {
	in.event = in.checked // the transaction may run more than once
	if in.ready != nil && !in.waits() {
		in.event.Why = 0
	}
	if in.ready != nil {
		restored := v.restored
		err := v.tx.Nested(func() error { return in.ready.apply(v, in) })
		if aborts(err) {
			return err
		}
		if err != nil {
			v.restored = restored
			in.event.Why, in.event.Body = fault.Of(err), nil
		}
	}
	if in.held == nil || in.waits() {
		return nil
	}
	return in.held.Drop(v.tx, in.event.ID)
}

// waits reports whether the input cannot be used yet.
func (in *input) waits() bool {
	_, waits := in.ready.(*waiting)
	return waits
}

// aborts reports whether an error is about the store, or the account, and not about an input.
func aborts(err error) bool {
	if err == nil {
		return false
	}
	switch fault.Of(err) {
	case fault.StoreFailed, fault.StoreConflict, fault.Canceled, fault.DestroyedKey, fault.Damaged, 0:
		return true
	}
	return false
}

// events are the caller's inputs in order, then what was held and is not any more, then what followed. What is held for a
// group tells what it needs next: first the chain, then logs that this names.
func (b *batch) events() []Event {
	var all []Event
	for i, in := range b.inputs {
		if i < b.given || !in.waits() || len(in.event.Needs) > 0 && in.event.Conversation != (device.Hash{}) {
			all = append(all, in.event)
		}
	}
	return append(all, b.notices...)
}

// drop lets go of the sessions that were accepted: what was committed is read from the store when it is used.
func (b *batch) drop() {
	for _, s := range b.accepted {
		s.Destroy()
	}
	b.former.Destroy()
	for _, in := range b.inputs {
		if m, opened := in.ready.(*receivedMessage); opened && m.opened.Content.Type == sharedSession {
			clear(m.opened.Content.Body)
		}
	}
}

// waiting is an input that cannot be used yet.
type waiting struct{ in queue.Queue }

// apply keeps the input, unless what it waits for came with another transaction in between: it would wait for ever then. The
// oldest one goes when there are too many, and a notice says so.
func (w *waiting) apply(v *view, in *input) error {
	if in.held != nil {
		return nil
	}
	if w.in == heldMessages {
		p, err := session.MessageSession(in.data)
		if err != nil {
			return err
		}
		ids, err := session.Find(v.tx, p)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if s, err := v.resume(id); err == nil {
				s.Destroy()
				return errStale
			}
		}
	}
	dropped, err := w.in.Put(v.tx, in.event.ID, in.data)
	for _, id := range dropped {
		v.notices = append(v.notices, Event{ID: id, Kind: KindDropped, Why: fault.OverLimit})
	}
	return err
}
