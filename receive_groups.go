package sotto

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/session"
)

// groupWork is what a batch does to one group.
type groupWork struct {
	before *groups.Group // as it is stored, nil for one that this device does not know
	state  *group.State  // what became of it; nil as long as nobody who counts has named its newest entry
	inputs []groupInput  // its entries in this batch, by epoch
	chain  *group.State  // of a group that is not known: verified so far, and nothing that counts
	tried  map[device.Hash]tried
	waits  bool // a session waits for the chain
}

// tried is what became of verifying the chain to an entry, so that it is done once in a batch.
type tried struct {
	state *group.State
	err   error
}

// groupInput is an input that claims to be an entry of a group.
type groupInput struct {
	*input
	claim group.Info
}

// group returns the work on a group.
func (b *batch) group(ctx context.Context, id device.Hash) (*groupWork, error) {
	if w := b.groups[id]; w != nil {
		return w, nil
	}
	w := &groupWork{tried: map[device.Hash]tried{}}
	err := b.view(ctx, func(v *view) (err error) {
		w.before, err = v.find(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if w.before != nil {
		w.state = w.before.State
	}
	b.groups[id] = w
	return w, nil
}

// prepareGroups holds entries against the chains of groups that are known. Those of other groups wait for a session that
// says which chain counts.
func (b *batch) prepareGroups(ctx context.Context) error {
	for _, in := range b.of(KindGroup) {
		if b.sorted[in] {
			continue
		}
		b.sorted[in] = true
		claim, err := group.Inspect(in.data)
		if err != nil {
			in.refuse(err)
			continue
		}
		in.event.Conversation, in.event.User = claim.Group, claim.Actor
		in.event.Change = &Change{Op: claim.Op, User: claim.User, Role: claim.Role, Epoch: claim.Epoch, Entry: claim.Hash}
		w, err := b.group(ctx, claim.Group)
		if err != nil {
			return err
		}
		w.inputs = append(w.inputs, groupInput{in, claim})
	}
	if err := b.judgeAnew(ctx); err != nil {
		return err
	}
	for _, w := range b.groups {
		slices.SortStableFunc(w.inputs, func(x, y groupInput) int { return cmp.Compare(x.claim.Epoch, y.claim.Epoch) })
		if w.state == nil {
			continue
		}
		if err := b.growGroup(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// judgeAnew takes the groups that have forked, or hold what does not count, into the batch when a log has grown: what an
// entry is worth depends on which devices were revoked since.
func (b *batch) judgeAnew(ctx context.Context) error {
	if len(b.grown) == 0 {
		return nil
	}
	var open []device.Hash
	err := b.view(ctx, func(v *view) error {
		open = nil
		return groups.Each(v.tx, func(id device.Hash) error {
			g, err := v.group(id)
			if err == nil && len(g.State.Branches()) > 0 {
				open = append(open, id)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, id := range open {
		if _, err := b.group(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// growGroup holds the entries of a group against its chain: together, and where they break in smaller and smaller parts, so
// that a bad one spoils no other.
func (b *batch) growGroup(ctx context.Context, w *groupWork) error {
	left := w.inputs
	size := len(left)
	for len(left) > 0 {
		size = min(size, len(left))
		next, err := b.extend(ctx, w.state, left[:size])
		switch {
		case aborts(err):
			return err
		case err == nil:
			w.state, left, size = next, left[size:], 2*size
		case size > 1:
			size /= 2
		default:
			if err := b.refuseEntry(ctx, left[0], w.state, err); err != nil {
				return err
			}
			left = left[1:]
		}
	}
	next, err := b.extend(ctx, w.state, nil) // logs may have grown
	if aborts(err) {
		return err
	}
	if err == nil { // else it stays as it was judged before
		w.state = next
	}
	return nil
}

func (b *batch) extend(ctx context.Context, s *group.State, in []groupInput) (next *group.State, err error) {
	entries := make([][]byte, len(in))
	for i := range in {
		entries[i] = in[i].data
	}
	failed := b.view(ctx, func(v *view) error {
		var failed error
		next, err = s.Extend(entries, b.identities(v, &failed))
		return failed
	})
	if failed != nil {
		return nil, failed
	}
	return next, err
}

// identities finds logs as they are once this batch is applied.
func (b *batch) identities(v *view, failed *error) group.Logs {
	stored := v.identities(failed)
	return func(user string, root device.Hash) *device.Log {
		if l := b.logs[user]; l != nil && l.Pin().Root == root {
			return l
		}
		return stored(user, root)
	}
}

// refuseEntry says what an entry lacks: a log, for which it waits, entries before it, which come with it once more, or a right.
func (b *batch) refuseEntry(ctx context.Context, in groupInput, s *group.State, err error) error {
	var missing *group.LogError
	switch {
	case errors.As(err, &missing):
		n, err := b.needOf(ctx, missing)
		if err != nil {
			return err
		}
		in.wait(heldEntries, fault.TooFarAhead, []Need{n})
	case errors.Is(err, fault.TooFarAhead):
		in.refuse(err)
		in.event.Needs = []Need{{GroupOf: &in.claim.Group, FromSeq: min(s.Epoch()+1, in.claim.Epoch)}}
	default:
		in.refuse(err)
	}
	return nil
}

// needOf asks for the log of an identity.
func (b *batch) needOf(ctx context.Context, missing *group.LogError) (Need, error) {
	n := Need{LogOf: missing.User}
	if err := b.load(ctx, missing.User); err != nil {
		return n, err
	}
	switch l := b.logs[missing.User]; {
	case l == nil:
	case l.Pin().Root == missing.Root:
		n.FromSeq = l.Pin().Seq + 1
	default:
		n.Root = &missing.Root
	}
	return n, nil
}

// settleGroups says what became of entries, when everything is known that this batch tells.
func (b *batch) settleGroups() {
	for _, w := range b.groups {
		for _, in := range w.inputs {
			if in.event.Why != 0 || in.ready != nil {
				continue
			}
			switch {
			case w.state != nil:
				in.ready = takenEntry{standing(w.state, in.claim)}
			case w.waits:
				in.wait(heldEntries, fault.UnknownSession, nil)
			default:
				in.refuse(fmt.Errorf("sotto: entry of a group that nobody has brought this user into: %w", fault.UntrustedSigner))
			}
		}
	}
}

// standing is 0 for an entry that counts, or says why it does not.
func standing(s *group.State, claim group.Info) fault.Code {
	if h, found := s.Entry(claim.Epoch); found && h == claim.Hash {
		return 0
	}
	if _, _, err := s.MembersAt(claim.Hash); err != nil {
		return fault.Of(err)
	}
	if s.Status() == group.Active {
		return fault.RevokedDevice // nobody has vouched for it yet
	}
	return fault.LogFork
}

// takenEntry is an entry that is stored with its group, and says whether it counts.
type takenEntry struct{ why fault.Code }

func (t takenEntry) apply(_ *view, in *input) error {
	in.event.Why = t.why
	return nil
}

// applyGroups stores what became of groups, and what follows from that.
func (b *batch) applyGroups(v *view) error {
	byID := func(x, y device.Hash) int { return slices.Compare(x[:], y[:]) }
	for _, id := range slices.SortedFunc(maps.Keys(b.groups), byID) {
		w := b.groups[id]
		if w.state == nil || w.before != nil && w.state == w.before.State {
			continue
		}
		entries := make([][]byte, len(w.inputs))
		for i, in := range w.inputs {
			entries[i] = in.data
		}
		err := v.growGroup(w.before, w.state, entries)
		if w.before == nil && errors.Is(err, fault.OverLimit) {
			return errStale // the last place was taken by another one of this batch, or another process
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// growGroup stores what became of a group. Sessions of earlier epochs close after their time, what this device signed is
// settled, and the app is told of every change.
func (v *view) growGroup(before *groups.Group, next *group.State, entries [][]byte) error {
	stored, err := v.Account.groups.Put(v.tx, before, next, entries, v.now())
	if errors.Is(err, groups.ErrMoved) {
		return errStale
	}
	if err != nil {
		return err
	}
	id := next.ID()
	if err := v.tellChanges(before, next); err != nil {
		return err
	}
	if err := v.cutRemoved(before, next); err != nil {
		return err
	}
	left, overtaken := settle(stored.Pending, next)
	if overtaken {
		e := Event{Kind: KindOvertaken, Conversation: id, User: v.Account.user, Device: v.Account.Device(), Why: fault.StoreConflict}
		v.notices = append(v.notices, e.named(next.Tip()))
	}
	if len(left) < len(stored.Pending) {
		if !overtaken {
			stored.Announce, v.announce = true, true
		}
		stored.Pending = left
		if err := v.Account.groups.Save(v.tx, stored); err != nil {
			return err
		}
	}
	tip := next.Tip()
	return session.Supersede(v.tx, id, &tip, v.now())
}

// arePinned marks a notice in which somebody acts, or is acted on, under another identity than the one that is pinned for that
// user ID.
func (v *view) arePinned(e *Event, states ...*group.State) error {
	for _, name := range []string{e.User, e.Change.User} {
		u, err := v.users.User(v.tx, name)
		if err != nil {
			return err
		}
		for _, s := range states {
			if m, in := s.Find(name); u != nil && in && m.Root != u.Root() {
				e.Why = fault.IdentityChanged
			}
		}
	}
	return nil
}

// cutRemoved takes the devices of those who are no members any more off what waits in the group.
func (v *view) cutRemoved(before *groups.Group, next *group.State) error {
	if before == nil {
		return nil
	}
	for _, m := range before.State.Members() {
		if now, in := next.Find(m.User); in && now.Root == m.Root {
			continue
		}
		l, err := v.users.Identity(v.tx, m.User, m.Root)
		if err != nil {
			return err
		}
		if l == nil || m.User == v.Account.user {
			continue
		}
		var gone []device.ID
		for _, r := range l.Active() {
			gone = append(gone, r.ID())
		}
		if err := v.cutGroup(next, m.User, gone); err != nil {
			return err
		}
	}
	return nil
}

// tellChanges makes a notice of every entry that came to count, and of what became of the group as a whole.
func (v *view) tellChanges(before *groups.Group, next *group.State) error {
	id, tip := next.ID(), next.Tip()
	if before == nil {
		v.joined = true
		e := Event{Kind: KindJoined, Conversation: id, User: next.AddedBy(v.Account.user)}
		v.notices = append(v.notices, e.named(tip))
		return nil
	}
	for epoch := groups.Parts(before.State, next); epoch <= next.Epoch(); epoch++ {
		h, _ := next.Entry(epoch)
		b, err := groups.Entry(v.tx, id, h)
		if err != nil {
			return err
		}
		claim, err := group.Inspect(b)
		if err != nil {
			return err
		}
		e := Event{
			Kind: KindMembers, Conversation: id, User: claim.Actor,
			Change: &Change{Op: claim.Op, User: claim.User, Role: claim.Role, Epoch: epoch, Entry: h},
		}
		if err := v.arePinned(&e, before.State, next); err != nil {
			return err
		}
		v.notices = append(v.notices, e.named(h))
	}
	if next.Status() != before.State.Status() && next.Status() != group.Active {
		e := Event{Kind: KindGroupForked, Conversation: id, Why: fault.LogFork}
		if next.Status() == group.Ended {
			e.Kind, e.Why = KindGroupEnded, fault.Expired
		}
		v.notices = append(v.notices, e.named(tip))
	}
	return nil
}
