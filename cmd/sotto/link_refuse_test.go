package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/store"
)

// wantNothingMade says that the log is the phone's alone, and that there is no laptop.
func (l *links) wantNothingMade() {
	l.Helper()
	if n := len(l.entries(l.phone)); n != 1 {
		l.Errorf("%d entries in the log", n)
	}
	if strings.Contains(names(l, l.dir), "laptop") {
		l.Errorf("there are %s", names(l, l.dir))
	}
}

// wantRevoked says that the log has a device that was added and revoked, and that nothing is left to be done.
func (l *links) wantRevoked() {
	l.Helper()
	lines, err := listing(l.entries(l.phone))
	if err != nil {
		l.Fatal(err)
	}
	if len(lines) != 3 || lines[1].operation != "add" || lines[2].operation != "revoke" || lines[1].subject != lines[2].subject {
		l.Errorf("the log: %v", lines)
	}
	shown := l.with("pw").ok("device", "show", l.phone)
	if field(l, shown, "log") != "active, 1 in all" || field(l, shown, "pending") != "nothing" {
		l.Errorf("the phone:\n%s", shown)
	}
	if d := l.open(l.phone); d != nil {
		if revoked, err := d.abandon(l.Context(), l.time()); revoked != nil || err != nil {
			l.Errorf("a second end: %v, %v", revoked, err)
		}
	}
}

func TestWrongDigitsEndTheLink(t *testing.T) {
	l := newLinks(t).byFolder()
	approve := l.approve("--history", "nothing")
	join := l.join(approve.prints("content"))
	join.types("join the account alice? (yes/no)", "yes")
	digits := []byte(join.prints("digits"))
	digits[5] = '0' + (digits[5]-'0'+1)%10
	approve.types("six digits (nothing to refuse)", string(digits))
	approve.fails("these are not the digits of the new device: nothing was signed")
	join.interrupt()
	join.fails("cancelled")
	l.wantNothingMade()
}

func TestNoDigitsRefuse(t *testing.T) {
	l := newLinks(t).byFolder()
	approve := l.approve("--history", "nothing")
	join := l.join(approve.prints("content"))
	join.types("join the account alice? (yes/no)", "yes")
	approve.types("six digits (nothing to refuse)", "")
	approve.fails("no digits were typed: nothing was signed")
	join.interrupt()
	join.fails("cancelled")
	l.wantNothingMade()
}

func TestNobodyJoinsUnasked(t *testing.T) {
	for _, answer := range []string{"no", "", "y", "YES"} {
		l := newLinks(t).byFolder()
		approve := l.approve("--history", "nothing")
		join := l.join(approve.prints("content"))
		join.types("join the account alice? (yes/no)", answer)
		join.fails("not joined: nothing was made")
		if sent := names(t, l.channel[1]); sent != "" {
			t.Errorf("%q: sent %s", answer, sent)
		}
		approve.interrupt()
		approve.fails("cancelled")
		l.wantNothingMade()
	}
}

func TestEachSideEndsWhenItsTimeIsOver(t *testing.T) {
	for name, through := range map[string]func(*links) *links{
		"folder": (*links).byFolder,
		"relay":  func(l *links) *links { return l.byRelay(0) },
	} {
		t.Run(name, func(t *testing.T) {
			l := through(newLinks(t))
			approve := l.approve("--history", "nothing")
			join := l.join(approve.prints("content"))
			join.types("join the account alice? (yes/no)", "yes")
			join.prints("digits")
			alone := l.approve("--history", "nothing", "--code")
			alone.prints("code")
			l.later(link.Life)
			join.fails("did not go on in time")
			alone.fails(fault.Expired.Action())
			approve.types("six digits (nothing to refuse)", "123456") // too late
			approve.fails(fault.Expired.Action())
			l.wantNothingMade()
		})
	}
	t.Run("code that nobody waits at", func(t *testing.T) {
		l := newLinks(t).byFolder()
		now := l.time()
		j := &joining{attempt: attempt{clock: clock{func() time.Time { return now }, l.clock.pause}, carrier: folder(l.channel[1]),
			person: newPerson(nil, &strings.Builder{}), read: map[string]int{}}}
		j.pause = func(ctx context.Context) { now = now.Add(time.Second) }
		wantFault(t, j.begin(t.Context(), []byte("1234-123456789")), fault.Expired)
	})
}

// admitted brings a link to where the phone has signed for a device that then goes no further.
func (l *links) admitted() (approve *side, n *link.New) {
	l.Helper()
	approve = l.approve("--history", "nothing")
	n = l.scan(approve.prints("content"))
	id, _ := n.Rendezvous()
	through := folder(l.channel[1])
	a := attempt{clock: l.clock, carrier: through, machine: n, until: l.time().Add(link.Life), read: map[string]int{}}
	post := func(message []byte, err error) {
		l.Helper()
		if err == nil {
			err = through.post(l.Context(), linkBox(id, newToOld), message)
		}
		if err != nil {
			l.Fatal(err)
		}
	}
	receive := func() {
		l.Helper()
		if _, err := a.receive(l.Context(), linkBox(id, oldToNew)); err != nil {
			l.Fatal(err)
		}
	}
	post(n.Join(device.Classical, l.time()))
	receive()
	approve.types("six digits (nothing to refuse)", n.Digits())
	receive()
	log, err := device.Verify("alice", l.entries(l.phone))
	if err != nil {
		l.Fatal(err)
	}
	post(n.Served(log, l.time()))
	receive() // that it was admitted
	return approve, n
}

func TestDeviceIsRevokedWhenItsLinkEndsAfterItWasSignedFor(t *testing.T) {
	for name, end := range map[string]struct {
		by     func(l *links, approve *side, n *link.New)
		reason string
	}{
		"Ctrl-C":  {func(_ *links, approve *side, _ *link.New) { approve.interrupt() }, "cancelled"},
		"no time": {func(l *links, _ *side, _ *link.New) { l.later(link.Life) }, "expired"},
		"registration of nobody": {func(l *links, _ *side, n *link.New) {
			l.post(n, registration, []byte("registration"))
		}, "not of the expected form"},
		"message of nobody": {func(l *links, _ *side, n *link.New) {
			l.post(n, newToOld, []byte("message"))
			log, err := device.Verify("alice", l.entries(l.phone))
			if err == nil {
				_, err = n.Served(log, l.time())
			}
			if err != nil {
				l.Fatal(err)
			}
			answer, err := n.Keys().Register(n.Log(), linkServer, n.Nonce(), l.time())
			if err != nil {
				l.Fatal(err)
			}
			l.post(n, registration, answer)
		}, "link: "},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLinks(t).byFolder()
			approve, n := l.admitted()
			end.by(l, approve, n)
			approve.fails("was signed for, and is revoked, because the link ended: ")
			if told := approve.err.text(); !strings.Contains(told, end.reason) || strings.Contains(told, fault.Canceled.Action()) {
				t.Errorf("told:\n%s", told)
			}
			l.wantRevoked()
		})
	}
}

func (l *links) post(n *link.New, purpose string, message []byte) {
	l.Helper()
	id, _ := n.Rendezvous()
	if err := folder(l.channel[1]).post(l.Context(), linkBox(id, purpose), message); err != nil {
		l.Fatal(err)
	}
}

func TestNoFolderIsMadeWhenTheServerDoesNotTakeTheDevice(t *testing.T) {
	l := newLinks(t).byFolder()
	approve := l.approve("--history", "nothing")
	content := approve.prints("content")
	l.post(l.scan(content), registered, []byte("refused"))
	join := l.join(content)
	typeDigits(approve, join)
	join.fails(fault.Malformed.Action())
	if strings.Contains(names(t, l.dir), "laptop") {
		t.Errorf("there are %s", names(t, l.dir))
	}
	approve.interrupt()
	approve.fails("is revoked")
	l.wantRevoked()
}

// A power cut is that nothing of what comes later is done.
func TestDeviceIsRevokedByTheNextRunAfterAPowerCut(t *testing.T) {
	for _, published := range []bool{true, false} {
		l := newLinks(t).byFolder()
		before := read(t, l.log(l.phone))
		d := l.open(l.phone)
		if _, _, err := d.admit(t.Context(), newKeys(t, "alice").Record(), l.time()); err != nil {
			t.Fatal(err)
		}
		if !published {
			write(t, l.log(l.phone), before)
		}
		approve := l.approve("--history", "nothing")
		approve.prints("content")
		if told := approve.err.text(); !strings.Contains(told, " was signed for in a link that was interrupted: it is revoked.\n") {
			t.Errorf("told:\n%s", told)
		}
		approve.interrupt()
		approve.fails("cancelled")
		l.wantRevoked()
	}
}

func TestNextDeviceAddRevokesWhatWasInterrupted(t *testing.T) {
	l := newLinks(t)
	if _, _, err := l.open(l.phone).admit(t.Context(), newKeys(t, "alice").Record(), l.time()); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(l.dir, recordFile)
	write(t, record, newKeys(t, "alice").Record().Bytes())
	code, stdout, stderr := l.with("pw").run("device", "add", l.phone, record)
	if code != 0 || field(t, stdout, "log") != "active, 2 in all" || !strings.Contains(stderr, "interrupted: it is revoked") {
		t.Errorf("exit code %d, stdout %s, stderr %s", code, stdout, stderr)
	}
}

// Two runs at once: the one that comes later takes the other one's device for what was interrupted.
func TestLinkIsNotDoneWhenItsDeviceWasRevokedMeanwhile(t *testing.T) {
	l := newLinks(t)
	d, r := l.open(l.phone), newKeys(t, "alice").Record()
	if _, _, err := d.admit(t.Context(), r, l.time()); err != nil {
		t.Fatal(err)
	}
	if revoked, err := d.abandon(t.Context(), l.time()); err != nil || revoked == nil || *revoked != r.ID() {
		t.Fatal(revoked, err)
	}
	if err := d.finish(t.Context(), r); err != errAbandoned {
		t.Error(err)
	}
	l.wantRevoked()
	other := newKeys(t, "alice").Record()
	if _, _, err := d.admit(t.Context(), other, l.time()); err != nil {
		t.Fatal(err)
	}
	if err := d.finish(t.Context(), r); err != errAbandoned {
		t.Error("the link of another device was taken for this one's:", err)
	}
	if err := d.finish(t.Context(), other); err != nil {
		t.Error(err)
	}
}

func TestDeviceThatIsNotActiveApprovesNothing(t *testing.T) {
	l := newLinks(t).byFolder()
	d := l.open(l.phone)
	err := d.db.Update(t.Context(), func(tx *store.Tx) error {
		s, err := d.load(tx)
		if err != nil {
			return err
		}
		defer s.keys.Destroy()
		if _, err := s.log.Revoke(s.keys, s.keys.Record().ID(), l.time()); err != nil {
			return err
		}
		return s.keep(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	l.approve("--history", "nothing").fails(fault.RevokedDevice.Action())
}

func TestLogOfSomebodyElseIsRefused(t *testing.T) {
	for user, want := range map[string]fault.Code{"bob": fault.UntrustedSigner, "alice": fault.IdentityChanged} {
		t.Run("another account of "+user, func(t *testing.T) {
			l := newLinks(t).byFolder()
			approve := l.approve("--history", "nothing")
			other := filepath.Join(l.dir, "log")
			write(t, other, logBytes(foundedBy(t, newKeys(t, user), nil).entries))
			join := l.join(approve.prints("content"), "--log", other)
			typeDigits(approve, join)
			join.fails(want.Action())
			approve.interrupt()
			approve.fails("cancelled")
			l.wantNothingMade()
		})
	}
}

func TestWhatIsNoOfferIsRefused(t *testing.T) {
	l := newLinks(t).byFolder()
	for shown, want := range map[string]fault.Code{
		"1234-12345678":                      fault.Malformed,
		"bogus!":                             fault.Malformed,
		"a0":                                 fault.Malformed,
		strings.Repeat("00", link.MaxQR+1):   fault.Malformed,
		"d903e8" + strings.Repeat("41", 400): fault.Malformed,
	} {
		join := l.join(shown)
		join.fails(want.Action())
		if out := join.out.text(); out != "" {
			t.Errorf("%q: printed %s", shown, out)
		}
	}
	l.wantNothingMade()
}
