package app_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// friends makes users who trust each other.
func (s *scene) friends(users ...string) (all []*terminal) {
	s.t.Helper()
	for _, user := range users {
		all = append(all, s.create(user))
	}
	for _, p := range all {
		for _, user := range users {
			if user != p.User() {
				p.trust(user)
			}
		}
	}
	return all
}

// founds makes a group with contacts, and returns its name.
func (p *terminal) founds(users ...string) (name string) {
	p.t.Helper()
	var members []*sotto.Contact
	for _, user := range users {
		contact, err := p.Contact(p.t.Context(), user)
		must(p.t, err)
		members = append(members, contact)
	}
	g, err := p.CreateGroup(p.t.Context(), members...)
	must(p.t, err)
	p.sync()
	return app.GroupName(g.ID())
}

func (p *terminal) group(name string) *sotto.Group {
	p.t.Helper()
	g, err := p.Group(p.t.Context(), name)
	must(p.t, err)
	return g
}

func (p *terminal) tip(name string) device.Hash {
	p.t.Helper()
	s, err := p.group(name).State(p.t.Context())
	must(p.t, err)
	return s.Tip
}

// Devices that join, and that restart while they wait, learn of the group, and the relay forgets nothing of it.
func TestAGroupTalksOverTheRelay(t *testing.T) {
	s := newScene(t)
	all := s.friends("alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	club := alice.founds("bob", "carol")
	alice.say(club, texts[0])
	s.restartRelay()
	bob.reads("alice: " + texts[0])
	carol.restart()
	carol.reads("alice: " + texts[0])

	laptop := bob.join()
	laptop.trust("alice")
	laptop.trust("carol")
	bob.sync()
	laptop.sync()
	laptop.say(club, texts[1])
	for _, p := range []*terminal{alice, bob, carol} {
		p.reads("bob: " + texts[1])
	}
	must(t, alice.group(club).Remove(t.Context(), "carol"))
	alice.sync()
	alice.say(club, texts[2])
	bob.reads("alice: " + texts[2])
	laptop.reads("alice: " + texts[2])
	carol.reads()
	wantFault(t, carol.Send(t.Context(), club, texts[3]), fault.UntrustedSigner)
	if carol.tip(club) != alice.tip(club) || laptop.tip(club) != bob.tip(club) {
		t.Error("they hold different chains")
	}
}

// Who is taken into a group by a stranger is asked whom to trust, and misses nothing.
func TestANewcomerIsAskedWhomToTrust(t *testing.T) {
	s := newScene(t)
	all := s.friends("alice", "bob")
	alice, bob := all[0], all[1]
	dave := s.create("dave")
	alice.trust("dave")
	bob.trust("dave")
	club := alice.founds("bob", "dave")
	alice.say(club, texts[0])
	bob.reads("alice: " + texts[0])
	for _, user := range []string{"alice", "bob"} {
		dave.reads()
		dave.restart()
		if !dave.needs(user) {
			t.Fatalf("the log of %s is not asked for", user)
		}
		_, err := dave.Trust(t.Context(), user)
		must(t, err)
	}
	dave.reads("alice: " + texts[0])
	dave.say(club, texts[1])
	alice.reads("dave: " + texts[1])
	bob.reads("dave: " + texts[1])
}

func (p *terminal) needs(user string) bool {
	p.t.Helper()
	needs, err := p.Needs(p.t.Context())
	must(p.t, err)
	return slices.ContainsFunc(needs, func(n sotto.Need) bool { return n.LogOf == user })
}

// refusing answers in the place of a relay that does not take entries of groups.
type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/groups" {
		return http.DefaultTransport.RoundTrip(r)
	}
	answer := httptest.NewRecorder()
	answer.Header().Set("Fault", strconv.Itoa(int(fault.StoreFailed)))
	answer.WriteHeader(http.StatusInternalServerError)
	return answer.Result(), nil
}

// A session can be there before the chain that it names: that is asked for again.
func TestAChainThatWasNotThereIsAskedForAgain(t *testing.T) {
	s := newScene(t)
	all := s.friends("alice", "bob")
	alice, bob := all[0], all[1]
	alice.http.Transport = refusing{}
	club := alice.founds("bob")
	bob.sync()
	bob.restart()
	alice.http.Transport = nil
	alice.sync()
	bob.sync()
	bob.group(club)
}

// Of two who act at once the relay takes the first, and the other one is told.
func TestOneOfTwoAtOnceIsOvertaken(t *testing.T) {
	s := newScene(t)
	all := s.friends("alice", "bob", "carol")
	alice, bob := all[0], all[1]
	club := alice.founds("bob", "carol")
	must(t, alice.group(club).SetRole(t.Context(), "bob", group.RoleAdmin))
	alice.sync()
	bob.sync()
	must(t, alice.group(club).SetRole(t.Context(), "carol", group.RoleAdmin))
	must(t, bob.group(club).Remove(t.Context(), "carol"))
	alice.sync()
	bob.sync()
	if !happened(bob, sotto.KindOvertaken) || happened(alice, sotto.KindOvertaken) {
		t.Error("who came second is not told, or who came first is")
	}
	if bob.tip(club) != alice.tip(club) {
		t.Error("they hold different chains")
	}
}

// A device that was revoked asks for nothing of its groups any more, and the program goes on.
func TestRevokedDeviceOfAMemberStillSyncs(t *testing.T) {
	s := newScene(t)
	all := s.friends("alice", "bob")
	phone, bob := all[0], all[1]
	club := phone.founds("bob")
	bob.sync()
	laptop := phone.join()
	laptop.trust("bob")
	phone.sync() // it sees the laptop's key
	laptop.sync()
	_, err := laptop.Revoke(t.Context(), phone.Device())
	must(t, err)
	laptop.sync()
	phone.restart()
	phone.sync()
	bob.sync()
	bob.say(club, texts[0])
	laptop.reads("bob: " + texts[0])
	phone.reads()
}

// Whichever request fails while a group changes and talks, and although both programs end there, they agree in the end.
func TestNoChangeIsLostWhicheverRequestFails(t *testing.T) {
	s := newScene(t)
	all := s.friends("alice", "bob")
	alice, bob := all[0], all[1]
	club := alice.founds("bob")
	bob.sync()
	alice.shown, bob.shown = nil, nil
	for _, behind := range []bool{false, true} {
		for n := 1; ; n++ {
			bad := &badNetwork{left: n, behind: behind}
			alice.http.Transport, bob.http.Transport = bad, bad
			text, role, before := texts[n%len(texts)], []group.Role{group.RoleMember, group.RoleAdmin}[n%2], alice.tip(club)
			must(t, alice.group(club).SetRole(t.Context(), "bob", role))
			_ = alice.Sync(t.Context(), alice.show)
			_ = alice.Send(t.Context(), club, text)
			_ = bob.Sync(t.Context(), bob.show)
			alice.http.Transport, bob.http.Transport = nil, nil
			for _, p := range []*terminal{alice, bob} {
				p.restart()
				p.sync()
			}
			alice.sync()
			bob.sync()
			bob.gotOnce(text)
			if tip := alice.tip(club); tip != bob.tip(club) || tip == before {
				t.Fatalf("request %d: nothing changed, or not for both", n)
			}
			if !bad.failed { // there are no more requests
				break
			}
			if n > 100 {
				t.Fatal("the requests do not end")
			}
		}
	}
}

func TestGroupsAreFoundByTheirNames(t *testing.T) {
	s := newScene(t)
	alice := s.create("alice")
	club := alice.founds()
	id := alice.group(club).ID().String()
	if alice.group("@"+id).ID().String() != id {
		t.Error("not found by the whole ID")
	}
	for name, want := range map[string]fault.Code{
		id[:8]: fault.Misuse, "@" + id[:7]: fault.Misuse, "@": fault.Misuse, "@" + id + "0": fault.UnknownSession,
	} {
		if _, err := alice.Group(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
