package linking_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/internal/sim/linking"
	"github.com/sottokit/sotto/recovery"
)

// everyCommit runs a property with power that fails at each commit that one of the phones makes, before it and after it. What
// has no more commits, runs without a failure and is the last.
func everyCommit(t *testing.T, name string, run func(t *testing.T, cut func(d *linking.Disk)) (commits int)) {
	t.Helper()
	commits := run(t, func(*linking.Disk) {})
	if commits == 0 {
		t.Fatal("nothing was committed")
	}
	for n := range commits {
		for power, when := range map[sim.Power]string{sim.CutBefore: "before", sim.CutAfter: "after"} {
			t.Run(fmt.Sprintf("%s, %s commit %d", name, when, n), func(t *testing.T) {
				t.Parallel()
				run(t, func(d *linking.Disk) { d.CutAt(n, power) })
			})
		}
	}
}

// A device that was revoked is out, and reads nothing that is written from then on, whatever it is given.
func TestARevocationThatBreaksAnywhereIsDone(t *testing.T) {
	everyCommit(t, "revoke", func(t *testing.T, cut func(d *linking.Disk)) int {
		w := world(t, second)
		by, lost := w.Phones[0], w.Phones[2]
		shared, err := by.Sessions()
		ok(t, err)
		before := by.Disk.Commits()
		cut(by.Disk)
		ok(t, by.Revoke(lost.Account.Device()))
		commits := by.Disk.Commits() - before
		wantRotated(t, by, shared)
		wantOut(t, w, by, lost)
		return commits
	})
}

// wantRotated holds that each conversation which had sessions has another one, before anything is written.
func wantRotated(t *testing.T, by *linking.Phone, shared [][]string) {
	t.Helper()
	sessions, err := by.Sessions()
	ok(t, err)
	if len(shared) == 0 || len(sessions) != len(shared) {
		t.Fatalf("%d conversations had sessions, %d have", len(shared), len(sessions))
	}
	for i, ids := range sessions {
		if !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(shared[i], id) }) {
			t.Errorf("conversation %d has no new session", i)
		}
	}
}

// A device that is in does read what wantOut lets one overhear, so that test can fail.
func TestADeviceThatIsInOverhears(t *testing.T) {
	w := world(t, second)
	ok(t, w.Phones[0].Say("bob", "for all"))
	ok(t, w.Phones[0].Sync())
	if read, err := w.Phones[2].Overhears("for all"); err != nil || !read {
		t.Errorf("read %v: %v", read, err)
	}
}

// wantOut holds that a phone is none of alice's any more, and that by goes on without it.
func wantOut(t *testing.T, w *linking.World, by, lost *linking.Phone) {
	t.Helper()
	id := lost.Account.Device()
	for range 2 { // what bob writes before he sees the log may be read
		ok(t, by.Sync())
		ok(t, w.Phones[1].Sync())
	}
	for from, user := range map[*linking.Phone]string{by: "bob", w.Phones[1]: "alice"} {
		text := "not for the lost one, to " + user
		ok(t, from.Meet(user))
		ok(t, from.Say(user, text))
		ok(t, from.Sync())
		if read, err := lost.Overhears(text); err != nil || read {
			t.Errorf("the lost phone reads what is written to %s: %v", user, err)
		}
	}
	ok(t, w.Settle())
	ok(t, w.Talk())
	ok(t, w.Check())
	if w.Active("alice")[id] || lost.In() {
		t.Error("the lost phone is in the log")
	}
}

// The recovery key gets a user back in, on a phone that has nothing and on one that has the account, and only the key that was
// in force last does.
func TestARecoveryThatBreaksAnywhereIsDone(t *testing.T) {
	next := recovery.Generate()
	for _, key := range []*recovery.Key{nil, next} {
		for name, bought := range map[string]bool{"nothing left": true, "in place": false} {
			everyCommit(t, fmt.Sprintf("%s, next key %v", name, key != nil), func(t *testing.T, cut func(d *linking.Disk)) int {
				w := world(t, second)
				p, lost := w.Phones[2], w.Phones[0]
				if bought {
					p = w.Buy("alice")
				}
				before := p.Disk.Commits()
				cut(p.Disk)
				ok(t, p.Recover(printed, key))
				commits := p.Disk.Commits() - before
				wantOut(t, w, p, lost)
				wantKey(t, w, key)
				return commits
			})
		}
	}
}

// wantKey holds that the printed key is in force, or next alone unless it is nil, and that it does get alice in.
func wantKey(t *testing.T, w *linking.World, next *recovery.Key) {
	t.Helper()
	last := w.Phones[0]
	if last.InForce(printed) != (next == nil) || next != nil && !last.InForce(next) {
		t.Fatalf("printed key in force: %v", last.InForce(printed))
	}
	key := next
	if key == nil {
		key = printed
	}
	ok(t, w.Buy("alice").Recover(key, nil))
	ok(t, w.Settle())
	ok(t, w.Talk())
	ok(t, w.Check())
}

func TestARecoveryKeyThatIsSetWhileThingsBreakIsInForce(t *testing.T) {
	next := recovery.Generate()
	everyCommit(t, "set", func(t *testing.T, cut func(d *linking.Disk)) int {
		w := world(t, base)
		p := w.Phones[0]
		before := p.Disk.Commits()
		cut(p.Disk)
		ok(t, p.SetRecovery(printed, next))
		commits := p.Disk.Commits() - before
		wantKey(t, w, next)
		return commits
	})
}
