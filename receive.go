package sotto

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// maxWakes bounds how often what came out makes something else come out: a group, then a session of it that was shared,
// then its messages.
const maxWakes = 3

// MaxInput bounds an input of Receive, in bytes: an envelope for the largest roster.
const MaxInput = 16 << 20

// Receive takes anything that the network brought, in any order and any number of times: log entries one by one,
// device-keys, entries of groups, envelopes, messages and key requests. It is one commit for all of it; what waited for
// a group that it made known, and sessions that are due in groups after it, are commits of their own. Signatures are
// checked before, on all cores.
//
// The first events are one for each input, in order; then come those of inputs that were held and can be used now, and
// notices of what followed, a device that was added for example. What cannot be used is an event with its reason and
// disturbs no other. What cannot be used yet is held, and its event says what it needs. The same bytes again give the
// same event, marked Again, until Ack, and fault.Replayed after that.
//
// The error is about the store and the account only; then nothing has changed and no event is lost.
func (a *Account) Receive(ctx context.Context, in ...[]byte) ([]Event, error) {
	var events []Event
	var shared map[session.Prefix]bool
	due, joined := false, false
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
		joined = b.joined
		return nil
	})
	if err != nil {
		return nil, err
	}
	for range maxWakes {
		var more []Event
		more, joined, shared = a.wake(ctx, joined, shared)
		events = append(events, more...)
	}
	if due {
		_ = a.announce(ctx) // what it could not do is left to Upkeep: the events are there
	}
	return events, nil
}

// Peek tells what Receive would, and changes nothing: for an extension that shows a notification and leaves the rest to
// the app.
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

// prepare does everything about inputs that needs no transaction.
func (a *Account) prepare(ctx context.Context, in [][]byte) (*batch, error) {
	return a.newBatch(len(in)).check(ctx, in)
}

func (a *Account) newBatch(given int) *batch {
	return &batch{
		Account: a, given: given, logs: session.Logs{}, sessions: map[session.Prefix][]*session.Session{},
		asked: map[session.Prefix][]byte{}, headLogs: map[session.ID]session.Logs{}, also: map[session.ID][]Reader{}, groups: map[device.Hash]*groupWork{},
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

// destroyed is errStale when a key or session that was in use has been replaced or closed meanwhile: that says nothing
// about an input.
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
	var held, shares, entries [][]byte
	grows := len(b.of(KindLog)) > 0 || len(b.of(KindGroup)) > 0
	err := b.view(ctx, func(v *view) (err error) {
		held, shares, entries = nil, nil, nil
		if b.keys, err = v.keys(); err != nil {
			return err
		}
		b.former.Destroy()
		if b.former, err = v.former(); err != nil {
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
		if shares, err = heldShares.All(v.tx); err != nil {
			return err
		}
		held, err = heldEnvelopes.All(v.tx)
		b.looked = len(held)+len(shares)+len(entries) > 0
		return err
	})
	for _, data := range held {
		b.add(data, &heldEnvelopes)
	}
	for _, data := range shares {
		b.add(data, &heldShares)
	}
	for _, data := range entries {
		b.add(data, &heldEntries)
	}
	return err
}
