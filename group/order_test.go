package group_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
)

// Whoever learns the same, in whatever order, holds the same.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := grow(rt, t, rapid.IntRange(1, 20).Draw(rt, "facts"))
		all := make([]*replica, 3)
		for i := range all {
			all[i] = &replica{tree: w, logs: w.logs}
			all[i].all(fmt.Sprint("replica ", i))
		}
		w.same(all)
	})
}

// Logs grow at different times, too: one took in an entry before he learned that its device was revoked, another one did not.
// When both have said what they hold, two who are members for each other never go on sending on different branches.
func TestMembersForEachOtherAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := grow(rt, t, rapid.IntRange(1, 20).Draw(rt, "facts"))
		all := make([]*replica, 3)
		for i := range all {
			r := &replica{tree: w, user: []string{alice, bob, carol}[i]}
			r.slowLogs()
			r.all(fmt.Sprint("replica ", i))
			all[i] = r
		}
		for _, r := range all {
			r.speakTo(all)
		}
		for i, r := range all {
			for _, o := range all[:i] {
				if r.sends() && o.sends() && r.s.Tip() != o.s.Tip() {
					_, in := r.s.Find(o.user)
					_, out := o.s.Find(r.user)
					if in && out {
						rt.Fatalf("%s holds\n%s\n%s\n%s", r.user, show(r.s), o.user, show(o.s))
					}
				}
			}
		}
	})
}

// slowLogs has each log grow while it is asked for. All of it is there in the end.
func (r *replica) slowLogs() {
	seen := map[string]uint64{}
	for _, u := range r.names {
		seen[u] = 1 // both devices are there, and none was revoked
	}
	r.logs = func(user string, root device.Hash) *device.Log {
		l := r.world.logs(user, root)
		if l == nil {
			return nil
		}
		newest := l.Pin().Seq
		if !r.caughtUp && seen[user] < newest && rapid.IntRange(0, 5).Draw(r.t, "log grows") == 0 {
			seen[user]++
		}
		if r.caughtUp {
			seen[user] = newest
		}
		return must(l.At(seen[user]))
	}
}

// sends reports whether the replica's user may send.
func (r *replica) sends() bool {
	_, in := r.s.Find(r.user)
	return in && r.s.Status() == group.Active && len(r.people[r.user].active()) > 0
}

// speakTo has the replica's user say to all what he holds.
func (r *replica) speakTo(all []*replica) {
	if !r.sends() {
		return
	}
	tip, cert := r.s.Tip(), r.people[r.user].active()[0].Record().Cert()
	for _, o := range all {
		o.s = must(o.s.Hear(r.user, cert, tip, o.logs))
	}
}
