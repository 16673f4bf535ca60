package sotto

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/session"
)

// groupOffer finds the members of the group that an offer names, as they were after the entry that it names. Of a group
// that this device does not know the chain is put together from entries that came; nothing of it counts before hear
// says so.
func (b *batch) groupOffer(ctx context.Context, in *input, o *session.Offer, id, entry device.Hash) (*session.Conversation, error) {
	in.event.Conversation = id
	w, err := b.group(ctx, id)
	if err != nil {
		return nil, err
	}
	s := w.state
	if s == nil {
		if full, err := b.full(ctx); err != nil || full {
			in.refuse(fmt.Errorf("sotto: %d groups are kept, Forget those that are over: %w", groups.MaxGroups, fault.OverLimit))
			return nil, err
		}
		w.waits = true
		if s, err = b.strange(ctx, in, w, id, entry); aborts(err) || in.waits() {
			return nil, err
		}
	}
	var c *session.Conversation
	if err == nil {
		c, err = placeAt(s, entry)
	}
	var missing *group.LogError
	switch {
	case errors.As(err, &missing):
		n, err := b.needOf(ctx, missing)
		if err != nil {
			return nil, err
		}
		in.wait(heldEnvelopes, fault.TooFarAhead, []Need{n})
		return nil, nil
	case errors.Is(err, fault.TooFarAhead):
		need := Need{GroupOf: &id}
		if w.state != nil {
			need.FromSeq = w.state.Epoch() + 1
		}
		in.wait(heldEnvelopes, fault.TooFarAhead, []Need{need})
		return nil, nil
	case err != nil:
		in.refuse(err)
		return nil, nil
	}
	late, err := b.tooLate(ctx, id, c.Epoch)
	if late {
		in.refuse(fmt.Errorf("sotto: session of an epoch that was over long ago: %w", fault.Expired))
		return nil, err
	}
	return c, err
}

// full reports whether no more groups are kept.
func (b *batch) full(ctx context.Context) (full bool, err error) {
	err = b.view(ctx, func(v *view) (err error) {
		full, err = groups.Full(v.tx)
		return err
	})
	return full, err
}

// tooLate reports whether an epoch was superseded here longer ago than messages are on their way.
func (b *batch) tooLate(ctx context.Context, id device.Hash, epoch uint64) (late bool, err error) {
	err = b.view(ctx, func(v *view) error {
		at, superseded, err := groups.Superseded(v.tx, id, epoch)
		if err != nil || !superseded {
			late = false
			return err
		}
		late, err = session.Past(v.tx, at, v.now())
		return err
	})
	return late, err
}

// strange verifies the chain of a group that this device does not know, as far as an entry. Anybody can name this user
// in a group and seal to it, so nothing is asked for, and no signature verified, before whoever brought this user in is
// pinned.
func (b *batch) strange(ctx context.Context, in *input, w *groupWork, id, entry device.Hash) (*group.State, error) {
	chain, adder, err := b.chainTo(ctx, w, entry)
	if err != nil {
		return nil, err
	}
	if adder == "" {
		return nil, fmt.Errorf("sotto: session of a group that nobody has brought this user into: %w", fault.UntrustedSigner)
	}
	if err := b.load(ctx, adder); err != nil {
		return nil, err
	}
	if b.logs[adder] == nil {
		in.wait(heldEnvelopes, fault.TooFarAhead, []Need{{LogOf: adder}})
		return nil, nil
	}
	if w.chain != nil { // of an offer before: what it has is not verified again
		if _, _, err := w.chain.MembersAt(entry); err == nil {
			return w.chain, nil
		}
	}
	s, err := b.verifyChain(ctx, w, id, entry, chain)
	if err == nil {
		w.chain = s
	}
	return s, err
}

// chainTo finds the entries up to one among those that came, each behind the one that it stands on, and who says that he
// brought this user in. What is missing is fault.TooFarAhead. These are claims.
func (b *batch) chainTo(ctx context.Context, w *groupWork, entry device.Hash) (chain []groupInput, adder string, err error) {
	if err := b.loadEntries(ctx); err != nil {
		return nil, "", err
	}
	byHash := map[device.Hash]groupInput{}
	for _, in := range w.inputs {
		byHash[in.claim.Hash] = in
	}
	for at := entry; ; {
		in, found := byHash[at]
		if !found {
			return nil, "", fmt.Errorf("sotto: entries of a group are not here: %w", fault.TooFarAhead)
		}
		delete(byHash, at) // each once: a chain has no circles
		chain = append(chain, in)
		if adder == "" && in.claim.User == b.user && (in.claim.Op == group.OpAdd || in.claim.Op == group.OpCreate) {
			adder = in.claim.Actor // the last time counts
		}
		if other, found := byHash[in.claim.Root]; in.claim.Op == group.OpResolve && found {
			chain = append(chain, other)
		}
		if in.claim.Epoch == 0 {
			break
		}
		at = in.claim.Prev
	}
	slices.Reverse(chain)
	return chain, adder, nil
}

// verifyChain verifies the chain to an entry, from the first one on.
func (b *batch) verifyChain(
	ctx context.Context, w *groupWork, id, entry device.Hash, chain []groupInput,
) (s *group.State, err error) {
	if t, done := w.tried[entry]; done {
		return t.state, t.err
	}
	defer func() { w.tried[entry] = tried{s, err} }()
	entries := make([][]byte, len(chain))
	for i, in := range chain {
		entries[i] = in.data
	}
	failed := b.view(ctx, func(v *view) error {
		var failed error
		s, err = group.Verify(id, entries, b.identities(v, &failed))
		return failed
	})
	if failed != nil {
		return nil, failed
	}
	return s, err
}

// loadEntries takes the entries that are held for groups into the batch.
func (b *batch) loadEntries(ctx context.Context) error {
	if b.looked || b.loaded {
		return nil
	}
	b.loaded = true
	var held [][]byte
	err := b.view(ctx, func(v *view) (err error) {
		held, err = heldEntries.All(v.tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, data := range held {
		b.add(data, &heldEntries)
	}
	return b.prepareGroups(ctx)
}

// hear notes that a member's statement names an entry of the group: whoever signed it vouches for what is below. A
// group that this device does not know is one from the moment when the member who brought this user in, or another
// device of the user, names its newest entry: until then a server could serve a chain that nobody follows. It reports
// whether the group is known.
func (b *batch) hear(ctx context.Context, s *session.Session) (joined bool, err error) {
	id, entry := s.Conversation(), *s.State()
	w := b.groups[id]
	from, ok := s.Roster().Find(s.Sender())
	if !ok {
		return false, fmt.Errorf("sotto: %w", fault.DestroyedKey)
	}
	state := w.state
	if state == nil {
		chain, adder, err := b.chainTo(ctx, w, entry)
		if aborts(err) {
			return false, err
		}
		if err != nil {
			return false, nil
		}
		if w.chain != nil && from.User() != b.user && (adder == b.user || !isIn(w.chain, entry, adder)) {
			// Nobody can say it but an own device, which does by itself. Where there is no other one people decide: who
			// is out of the group, or was brought in by a thief, would say that he is in, too.
			if l := b.logs[b.user]; l != nil && len(l.Active()) == 1 {
				b.claims = append(b.claims, groupClaim{id, entry, from.User()})
			}
			return false, nil
		}
		if !b.invites(adder, from) {
			return false, nil
		}
		if state, err = b.verifyChain(ctx, w, id, entry, chain); aborts(err) { // as it was then, and nothing after it
			return false, err
		} else if err != nil {
			return false, nil
		}
	}
	err = b.view(ctx, func(v *view) error {
		var failed, err error
		state, err = state.Hear(from.User(), s.Sender(), entry, b.identities(v, &failed))
		if failed != nil {
			return failed
		}
		return err
	})
	if aborts(err) {
		return false, err
	}
	if w.state != nil {
		if err == nil {
			w.state = state
		}
		return true, nil // a session of a former member opens messages of the others
	}
	if err != nil || state.Tip() != entry {
		return false, nil
	}
	w.state = state
	return true, b.growGroup(ctx, w)
}

// isIn reports whether a user is a member after an entry.
func isIn(s *group.State, entry device.Hash, user string) bool {
	_, members, err := s.MembersAt(entry)
	return err == nil && slices.ContainsFunc(members, func(m group.Member) bool { return m.User == user })
}

// invites reports whether a device speaks for the user who brought this one into the group, or for this user.
func (b *batch) invites(adder string, from *device.Record) bool {
	if l := b.logs[from.User()]; l == nil || l.Standing(from.Cert()) != nil {
		return false
	}
	return from.User() == adder || from.User() == b.user
}

// supersede gives a session of an earlier epoch the time that is left to it.
func (v *view) supersede(s *session.Session) error {
	id := s.Conversation()
	g, err := v.group(id)
	if err != nil {
		return err
	}
	at, superseded, err := groups.Superseded(v.tx, id, s.Epoch())
	if h, found := g.State.Entry(s.Epoch()); err != nil || !superseded || !found || h != *s.State() {
		return err
	}
	tip := g.State.Tip()
	return session.Supersede(v.tx, id, &tip, at)
}

// isMember refuses a sender who is no member of the group any more: what waited for the session of an earlier epoch is
// not taken from him. While the group has forked, the members of a branch that has as good a claim count in its
// sessions.
func (v *view) isMember(id, entry device.Hash, user string, root device.Hash) error {
	g, err := v.group(id)
	if err != nil {
		return err
	}
	if m, in := g.State.Find(user); in && m.Root == root {
		return nil
	}
	if verdict, side := g.State.VerdictOf(entry); side && verdict == group.Open {
		_, members, err := g.State.MembersAt(entry)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(members, func(m group.Member) bool { return m.User == user && m.Root == root }) {
			return nil
		}
	}
	return fmt.Errorf("sotto: of somebody who is no member any more: %w", fault.UntrustedSigner)
}
