package sotto

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// Content types that begin with reserved are for what accounts say to each other; an app cannot seal them.
const (
	reserved      = "sotto/"
	sharedSession = reserved + "v1.shared-session" // the body is the signed statement of a session
	sharedContact = reserved + "v1.shared-contact" // the body is directory.Told of a contact, for an own device
)

// isReserved reports whether an app may not use a content type.
func isReserved(contentType string) bool { return strings.HasPrefix(contentType, reserved) }

// ShareHistory gives a member of the group every session of it that this device holds and that the member's devices
// have no part in: they can open the messages of before, from everybody who is a member still, once the app brings
// those. It is never done by itself. The own devices that came later get them, too. What is shared goes as signed
// messages through the conversation with that member, one for each session; there each comes out as KindHistory, which
// names the sharer and when the session began, and this device's part is over when the parcels are delivered. It
// returns how many sessions were shared. Sessions close some days after their last message, so what is older can only
// be sent anew, or restored from a backup.
func (g *Group) ShareHistory(ctx context.Context, with *Contact) (sessions int, err error) {
	if g == nil || g.Conversation == nil {
		return 0, errNoConversation
	}
	var statements [][]byte
	defer func() {
		for _, s := range statements {
			clear(s)
		}
	}()
	err = with.look(ctx, func(v *view, u *directory.User) error {
		if u.Name == v.Account.user {
			return fmt.Errorf("sotto: history with oneself: %w", fault.Misuse)
		}
		statements, err = v.shareable(g.place.group, u)
		return err
	})
	if err != nil {
		return 0, err
	}
	direct, err := g.account.Direct(ctx, with)
	if err != nil {
		return 0, err
	}
	for i, s := range statements {
		if err := direct.share(ctx, sharedSession, s, nil); err != nil {
			return i, err
		}
	}
	return len(statements), nil
}

// share seals something that accounts say to each other, for the devices of to, nil for all. The same for the same
// devices is the same message: who does not know whether it was shared does it again.
func (c *Conversation) share(ctx context.Context, contentType string, body []byte, to []device.ID) error {
	h := sha256.New()
	conversation := c.ID()
	h.Write(conversation[:])
	for _, id := range to {
		h.Write(id[:])
	}
	h.Write(body)
	_, err := c.seal(ctx, MessageID(h.Sum(nil)[:16]), contentType, body, to)
	return err
}

// shareable returns the statements of a group's sessions that a member has no part in.
func (v *view) shareable(id device.Hash, with *directory.User) ([][]byte, error) {
	g, err := v.group(id)
	if err != nil {
		return nil, err
	}
	if err := v.isMember(id, g.State.Tip(), with.Name, with.Root()); err != nil {
		return nil, err
	}
	return v.statementsWithout(id, with.Log.Active())
}

// statementsWithout returns the statements of a conversation's open sessions in which none of some devices has part.
// The caller wipes them.
func (v *view) statementsWithout(conversation device.Hash, devices []*device.Record) ([][]byte, error) {
	open, err := session.List(v.tx, conversation)
	if err != nil {
		return nil, err
	}
	var statements [][]byte
	for _, of := range open {
		s, err := v.resume(of.ID)
		if errors.Is(err, fault.UnknownSession) {
			continue
		}
		if err != nil {
			return nil, err
		}
		taken := slices.ContainsFunc(devices, func(r *device.Record) bool {
			_, found := s.Roster().Find(r.Cert())
			return found
		})
		if !taken {
			b, err := s.ExportSecretStatement()
			if err != nil {
				return nil, err
			}
			statements = append(statements, b)
		}
		s.Destroy()
	}
	return statements, nil
}

// takeShared keeps a session that a member of its group, or an own device, has shared. It opens messages, and nothing
// is ever sent on it: its roster is not that of now.
func (v *view) takeShared(in *input, o *session.Opened) (session.Prefix, error) {
	statement := o.Content.Body // wiped with the batch: the transaction may run again
	in.event.Kind, in.event.Body, in.event.Type = KindHistory, nil, ""
	claim, err := session.ClaimOf(statement)
	if err != nil {
		return session.Prefix{}, err
	}
	find := v.sharedGroup
	if claim.Entry == nil {
		find = v.sharedDirect
	}
	c, err := find(o, claim)
	if err != nil {
		return session.Prefix{}, err
	}
	logs := session.Logs{}
	for _, m := range claim.Members {
		if logs[m.User], err = v.users.Identity(v.tx, m.User, m.Root); err != nil {
			return session.Prefix{}, err
		}
	}
	s, err := session.Shared(statement, c, v.now(), logs)
	if errors.Is(err, fault.Damaged) { // the input is, not what is stored here
		err = fmt.Errorf("sotto: shared session: %w (%v)", fault.Malformed, err)
	}
	if err != nil {
		return session.Prefix{}, err
	}
	defer s.Destroy()
	in.event.Conversation, in.event.Sent, in.event.Suite = c.ID, shown(s.Created()), s.Suite()
	if _, err := session.KeepShared(v.tx, s, o.From, v.now()); err != nil || c.State == nil {
		return s.ID().Prefix(), err
	}
	g, err := v.group(c.ID)
	if err != nil {
		return session.Prefix{}, err
	}
	tip := g.State.Tip()
	return s.ID().Prefix(), session.Supersede(v.tx, c.ID, &tip, v.now())
}

// sharedGroup is where a shared session of a group belongs. Who shares it, and this user, are members.
func (v *view) sharedGroup(o *session.Opened, claim *session.Claim) (*session.Conversation, error) {
	g, err := v.group(claim.Conversation)
	if err != nil {
		return nil, err
	}
	for _, who := range []string{o.From.User(), v.Account.user} {
		u, err := v.users.User(v.tx, who)
		if err != nil || u == nil {
			return nil, errors.Join(err, errStale)
		}
		if err := v.isMember(claim.Conversation, g.State.Tip(), who, u.Root()); err != nil {
			return nil, err
		}
	}
	return placeAt(g.State, *claim.Entry)
}

// sharedDirect is where a shared session of a conversation of one or two belongs. Only an own device shares one, and
// this user is in it.
func (v *view) sharedDirect(o *session.Opened, claim *session.Claim) (*session.Conversation, error) {
	me, err := v.me()
	if err != nil {
		return nil, err
	}
	if o.From.User() != me.Name || !slices.Contains(claim.Members, member(me)) {
		return nil, fmt.Errorf("sotto: session of a conversation of two, shared by a stranger to it: %w", fault.UntrustedSigner)
	}
	if len(claim.Members) > 2 {
		return nil, fmt.Errorf("sotto: session of %d users and no group: %w", len(claim.Members), fault.Malformed)
	}
	return session.Direct(claim.Members...)
}

// waitShared lets a shared session wait for its group, and for logs that it names: of members who were there before this
// user came.
func (b *batch) waitShared(ctx context.Context, in *input, o *session.Opened) error {
	claim, err := session.ClaimOf(o.Content.Body)
	if err != nil {
		return nil // apply refuses it
	}
	if claim.Entry == nil && (o.From.User() != b.user || len(claim.Members) > 2) {
		return nil // which only own devices share: apply refuses it, and nobody is asked for anything
	}
	id := claim.Conversation
	wait := func(why fault.Code, needs []Need) {
		in.event.Kind, in.event.Conversation, in.event.Body, in.event.Type = KindHistory, id, nil, ""
		clear(o.Content.Body) // it is held as it came
		q := heldEnvelopes
		if o.From.User() == b.user {
			q = heldShares
		}
		in.wait(q, why, needs)
	}
	if claim.Entry != nil {
		w, err := b.group(ctx, id)
		if err != nil {
			return err
		}
		if w.state == nil {
			wait(fault.UnknownSession, nil)
			return nil
		}
		_, members, err := w.state.MembersAt(*claim.Entry)
		if errors.Is(err, fault.TooFarAhead) {
			wait(fault.TooFarAhead, []Need{{GroupOf: &id, FromSeq: w.state.Epoch() + 1}})
			return nil
		}
		if len(members) != len(claim.Members) {
			return nil // apply refuses it
		}
	}
	logs, err := b.logsOf(ctx, claim.Heads, true)
	if err != nil {
		return err
	}
	var needs []Need
	for _, h := range claim.Heads {
		l := logs[h.User]
		switch err := l.Holds(h.Pin); {
		case l == nil:
			needs = append(needs, Need{LogOf: h.User})
		case errors.Is(err, fault.IdentityChanged):
			root := h.Pin.Root
			needs = append(needs, Need{LogOf: h.User, Root: &root})
		case errors.Is(err, fault.TooFarAhead):
			needs = append(needs, Need{LogOf: h.User, FromSeq: l.Pin().Seq + 1})
		}
	}
	if needs != nil {
		wait(fault.TooFarAhead, needs)
	}
	return nil
}

// wake looks again at what waited for a group that this device knows now, and at messages that waited for sessions which
// were shared. What fails stays held, and comes when it is brought again.
func (a *Account) wake(
	ctx context.Context, joined bool, shared map[session.Prefix]bool,
) (events []Event, again bool, more map[session.Prefix]bool) {
	if !joined && len(shared) == 0 {
		return nil, false, nil
	}
	err := a.retry(func() error {
		b := a.newBatch(0)
		b.asking = joined
		err := a.view(ctx, func(v *view) error {
			return heldMessages.Each(v.tx, func(_ queue.ID, data []byte) error {
				if p, err := session.MessageSession(data); err == nil && shared[p] {
					b.add(data, &heldMessages)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		if b, err = b.check(ctx, nil); err != nil {
			return err
		}
		defer b.drop()
		if err := a.update(ctx, b.apply); err != nil {
			return err
		}
		events, again, more = b.events(), b.joined, b.shared
		return nil
	})
	if err != nil {
		return nil, false, nil
	}
	return events, again, more
}
