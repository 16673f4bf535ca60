package sotto

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// MaxInput bounds an input of Receive, in bytes: an envelope for the largest roster.
const MaxInput = 16 << 20

// Receive takes anything that the network brought, in any order and any number of times: log entries one by one, device-keys,
// envelopes, messages and key requests. It is one commit for all of it. Signatures are checked before, on all cores.
//
// The first events are one for each input, in order; then come those of inputs that were held and can be used now, and
// notices of what followed, a device that was added for example. What cannot be used is an event with its reason and disturbs no other. What
// cannot be used yet is held, and its event says what it needs. The same bytes again give the same event, marked Again,
// until Ack, and fault.Replayed after that.
//
// The error is about the store and the account only; then nothing has changed and no event is lost.
func (a *Account) Receive(ctx context.Context, in ...[]byte) ([]Event, error) {
	var events []Event
	var shared map[session.Prefix]bool
	due := false
	err := a.retry(func() error {
		b, err := a.prepare(ctx, in)
		if err != nil {
			return err
		}
		defer b.drop()
		if err := a.update(ctx, b.apply); err != nil {
			return err
		}
		events, shared, due = b.events(), b.shared, b.due
		return nil
	})
	if err != nil {
		return nil, err
	}
	more, err := a.wakeShared(ctx, shared)
	if err == nil {
		events = append(events, more...)
	} // else they are held, and come when they are brought again
	if due {
		_ = a.announce(ctx) // what it could not do is left to Upkeep: the events are there
	}
	return events, nil
}

// Peek tells what Receive would, and changes nothing: for an extension that shows a notification and leaves the rest to the
// app.
func (a *Account) Peek(ctx context.Context, in ...[]byte) ([]Event, error) {
	var events []Event
	err := a.retry(func() error {
		b, err := a.prepare(ctx, in)
		if err != nil {
			return err
		}
		defer b.drop()
		err = a.update(ctx, func(v *view) error {
			if err := b.apply(v); err != nil {
				return err
			}
			return errPeeked
		})
		if errors.Is(err, errPeeked) {
			events, err = b.events(), nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// errPeeked keeps a transaction from being committed.
var errPeeked = errors.New("looked at only")

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
	asking   bool   // for Needs: everything that is held counts
	version  uint64 // of the directory at the start
	looked   bool   // at held envelopes
	inputs   []*input
	loaded   bool                        // held entries of groups, on the way
	logs     session.Logs                // as they are once this batch is applied
	headLogs map[session.ID]session.Logs // of the identities that a session names
	groups   map[device.Hash]*groupWork
	sorted   map[*input]bool // entries of groups that are among the work on a group
	keys     *device.Keys
	sessions map[session.Prefix][]*session.Session
	accepted []*session.Session // by this batch
	grown    []*input           // log entries, in the order in which they follow each other
	asked    map[session.Prefix][]byte
	shared   map[session.Prefix]bool // sessions of groups that a member has shared
	notices  []Event
	due      bool // sessions in groups, see announce
}

// prepare does everything about inputs that needs no transaction.
func (a *Account) prepare(ctx context.Context, in [][]byte) (*batch, error) {
	return a.newBatch(len(in)).check(ctx, in)
}

func (a *Account) newBatch(given int) *batch {
	return &batch{
		Account: a, given: given, logs: session.Logs{}, sessions: map[session.Prefix][]*session.Session{},
		asked: map[session.Prefix][]byte{}, headLogs: map[session.ID]session.Logs{}, groups: map[device.Hash]*groupWork{},
		sorted: map[*input]bool{}, shared: map[session.Prefix]bool{},
	}
}

// check goes through the inputs, step by step.
func (b *batch) check(ctx context.Context, in [][]byte) (*batch, error) {
	for _, data := range in {
		b.add(data, nil)
	}
	for _, step := range []func(ctx context.Context) error{
		b.start, b.prepareLogs, b.prepareGroups, b.prepareKeys, b.prepareEnvelopes, b.wake, b.prepareMessages,
	} {
		if err := step(ctx); err != nil {
			b.drop()
			return nil, err
		}
	}
	for _, in := range b.inputs {
		in.checked = in.event
	}
	return b, nil
}

// destroyed is errStale when a key or session that was in use has been replaced or closed meanwhile: that says nothing about
// an input.
func (b *batch) destroyed(inputs []*input) error {
	for _, in := range inputs {
		if in.event.Why == fault.DestroyedKey {
			return errStale
		}
	}
	return nil
}

// add sorts an input by its type.
func (b *batch) add(data []byte, held *queue.Queue) {
	in := &input{data: data, held: held, event: Event{ID: inputID(data), Kind: KindUnknown}}
	b.inputs = append(b.inputs, in)
	if len(data) > MaxInput {
		in.refuse(fmt.Errorf("sotto: input of %d bytes: %w", len(data), fault.OverLimit))
		return
	}
	kinds := map[string]Kind{
		wire.LabelDeviceLog: KindLog, wire.LabelDeviceKey: KindKey, wire.LabelEnvelope: KindSession,
		wire.LabelMessage: KindMessage, wire.LabelSessionRequest: KindRequest, wire.LabelGroupState: KindGroup,
	}
	typ, err := typeOf(data)
	kind, known := kinds[typ]
	switch {
	case err != nil:
		in.refuse(err)
	case wire.NewerLabel(typ):
		in.refuse(fmt.Errorf("sotto: input of a newer version: %w", fault.UnsupportedVersion))
	case !known:
		in.refuse(fmt.Errorf("sotto: input of another type: %w", fault.Malformed))
	default:
		in.event.Kind = kind
	}
}

// typeOf reads header 16 of a tagged COSE message: what it says that it is.
func typeOf(b []byte) (string, error) {
	const maxProtected = 4096
	r := wire.NewReader(b)
	r.Tag("input")
	r.Array("input", 4)
	header := wire.NewReader(r.Bytes("input: protected header", maxProtected))
	if err := r.Err(); err != nil {
		return "", err
	}
	for n := header.Map("input: protected header", wire.MaxPairs); n > 0 && header.Err() == nil; n-- {
		if header.Int("input: label") == coseTyp {
			typ := header.Text("input: typ", 64)
			return typ, header.Err()
		}
		header.Raw("input: header")
	}
	header.Fail("input: protected header", "no typ", fault.Malformed)
	return "", header.Err()
}

const coseTyp = 16 // RFC 9596

// of returns the inputs of a kind that were not refused and are not ready yet.
func (b *batch) of(k Kind) []*input {
	var some []*input
	for _, in := range b.inputs {
		if in.event.Kind == k && in.ready == nil && in.event.Why == 0 {
			some = append(some, in)
		}
	}
	return some
}

// start reads this device's keys and, if a log has grown since they were last looked at, the envelopes that wait for one.
func (b *batch) start(ctx context.Context) error {
	var held, entries [][]byte
	grows := len(b.of(KindLog)) > 0 || len(b.of(KindGroup)) > 0
	err := b.view(ctx, func(v *view) (err error) {
		held, entries = nil, nil
		if b.keys, err = v.keys(); err != nil {
			return err
		}
		if b.version, err = directory.Version(v.tx); err != nil {
			return err
		}
		looked, err := v.lookedAt()
		if err != nil || looked == b.version && !grows && !b.asking {
			return err
		}
		if entries, err = heldEntries.All(v.tx); err != nil {
			return err
		}
		held, err = heldEnvelopes.All(v.tx)
		b.looked = len(held)+len(entries) > 0
		return err
	})
	for _, data := range held {
		b.add(data, &heldEnvelopes)
	}
	for _, data := range entries {
		b.add(data, &heldEntries)
	}
	return err
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
	for _, k := range []Kind{KindGroup, KindKey, KindSession, KindMessage, KindRequest} {
		for _, in := range b.inputs {
			if in.event.Kind != k {
				continue
			}
			if err := b.applyOne(v, in); err != nil {
				return err
			}
		}
	}
	if v.restored {
		b.notices = append(b.notices, Event{Kind: KindRestored, User: b.user, Device: b.device, Why: fault.SenderReset})
	}
	v.notices = append(b.notices, v.notices...)
	if err := v.keepNotices(); err != nil {
		return err
	}
	b.notices, b.due = v.notices, v.announce
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

// events are the caller's inputs in order, then what was held and is not any more, then what followed.
func (b *batch) events() []Event {
	var all []Event
	for i, in := range b.inputs {
		if i < b.given || !in.waits() {
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
}

// waiting is an input that cannot be used yet.
type waiting struct{ in queue.Queue }

// apply keeps the input, unless what it waits for came with another transaction in between: it would wait for ever then. The
// oldest one goes when there are too many, and a notice says so.
func (w *waiting) apply(v *view, in *input) error {
	if in.held != nil {
		return nil
	}
	if in.event.Kind == KindMessage {
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
