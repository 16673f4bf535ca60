package device_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/device"
)

// life is a random log of alice's in which every entry is one that an honest owner may write.
type life struct {
	*writer
	issued   int64      // keeps the entries of two branches apart
	active   []stranger // as they are now
	seen     []signer   // every key that ever signed or could
	ids      []any      // of every device
	recovery []signer   // the last one is in force
	recovers []signer   // who signed each recover, by place; nil key elsewhere
	replaced []bool     // which entries set a recovery key
}

// newLife is a founded log with some entries.
func newLife(t *testing.T, rt *rapid.T, atMost int) *life {
	t.Helper()
	l := &life{writer: &writer{TB: t}}
	founder := newStranger(t, alice)
	l.active, l.seen, l.ids = []stranger{founder}, []signer{founder.signer}, []any{founder.fields[2]}
	var key []byte
	if rapid.IntRange(0, 3).Draw(rt, "recovery key from the start") > 0 {
		key = l.nextRecovery().public()
	}
	l.write(founder.signer, opRoot, founder.record, key)
	l.live(rt, rapid.IntRange(0, atMost).Draw(rt, "entries"))
	return l
}

// branch is the same life on another branch.
func (l *life) branch() *life {
	return &life{
		l.writer.branch(len(l.entries)), l.issued + 1, slices.Clone(l.active), slices.Clone(l.seen), slices.Clone(l.ids),
		slices.Clone(l.recovery), slices.Clone(l.recovers), slices.Clone(l.replaced),
	}
}

func (l *life) nextRecovery() signer {
	s := recoverySigner(l, recoveryKey(l, byte(1+len(l.entries)+100*int(l.issued))))
	l.recovery, l.seen = append(l.recovery, s), append(l.seen, s)
	return s
}

func (l *life) write(by signer, op int, arg, recoveryKey []byte) {
	l.Helper()
	f := entry(l.entries, op, arg, recoveryKey)
	l.putFields(by, f.with(6, f[6].(int64)+l.issued))
	l.recovers = append(l.recovers, map[bool]signer{true: by}[op == opRecover])
	l.replaced = append(l.replaced, recoveryKey != nil)
}

// live writes n entries more, or fewer when nobody is left to write one.
func (l *life) live(rt *rapid.T, n int) {
	l.Helper()
	steps := map[string]func(){
		"add": func() {
			d := l.newDevice()
			l.write(l.any(rt).signer, opAdd, d.record, nil)
			l.active = append(l.active, d)
		},
		"revoke": func() {
			by, i := l.any(rt), rapid.IntRange(0, len(l.active)-1).Draw(rt, "whom")
			l.write(by.signer, opRevoke, l.active[i].kid, nil)
			l.active = slices.Delete(l.active, i, i+1)
		},
		"update": func() {
			i := rapid.IntRange(0, len(l.active)-1).Draw(rt, "who")
			d := l.active[i].renewed(l, rapid.IntRange(l.active[i].fields[4].(int), suite2).Draw(rt, "suite"))
			l.write(l.active[i].signer, opUpdate, d.record, nil)
			l.active[i], l.seen = d, append(l.seen, d.signer)
		},
		"set-recovery": func() {
			by := l.by(rt)
			l.write(by, opSetRecovery, nil, l.nextRecovery().public())
		},
		"recover": func() {
			by, d := l.by(rt), l.newDevice()
			var next []byte
			if rapid.Bool().Draw(rt, "another recovery key") {
				next = l.nextRecovery().public()
			}
			l.write(by, opRecover, d.record, next)
			l.active = []stranger{d}
		},
	}
	ops := append(slices.Sorted(maps.Keys(steps)), "recover") // which is what branches are judged by
	for range n {
		var possible []string
		for _, op := range ops {
			hasKey, hasDevice := len(l.recovery) > 0, len(l.active) > 0
			switch {
			case op == "recover" && hasKey, op == "set-recovery" && (hasKey || hasDevice),
				op == "add" && hasDevice && len(l.active) < device.MaxActive, (op == "revoke" || op == "update") && hasDevice:
				possible = append(possible, op)
			}
		}
		if len(possible) == 0 {
			return
		}
		steps[rapid.SampledFrom(possible).Draw(rt, "op")]()
	}
}

func (l *life) newDevice() stranger {
	d := newStranger(l, alice)
	l.seen, l.ids = append(l.seen, d.signer), append(l.ids, d.fields[2])
	return d
}

func (l *life) any(rt *rapid.T) stranger {
	return l.active[rapid.IntRange(0, len(l.active)-1).Draw(rt, "who")]
}

// by is who may set the recovery key.
func (l *life) by(rt *rapid.T) signer {
	if n := len(l.recovery); n > 0 {
		return l.recovery[n-1]
	}
	return l.any(rt).signer
}

// outranks is the rule of docs/spec/device.md, read off what was written.
func (l *life) outranks(other *life, n int, k *signer) bool {
	count := func(l *life) (all, byK int) {
		for _, by := range l.recovers[n:] {
			if by.key != nil {
				all++
			}
			if k != nil && by.key.Equal(k.key) {
				byK++
			}
		}
		return all, byK
	}
	if k == nil || slices.Contains(other.replaced[n:], true) {
		return false
	}
	all, byK := count(l)
	othersAll, othersByK := count(other)
	return byK > othersByK || all > 0 && othersAll == 0
}

// Whatever two branches hold, both sides come to one result, and it is that of the rule.
func TestJudgingIsSymmetricAndFollowsTheRule(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := newLife(t, rt, 4)
		n, b := len(a.entries), a.branch()
		var k *signer
		if m := len(a.recovery); m > 0 {
			k = &a.recovery[m-1]
		}
		for _, l := range []*life{a, b} {
			l.live(rt, rapid.IntRange(1, 5).Draw(rt, "entries of a branch"))
		}
		if len(a.entries) == n || len(b.entries) == n {
			return // nobody was left to write
		}
		want, mirror := forks, forks
		switch {
		case a.outranks(b, n, k):
			want, mirror = holds, moves
		case b.outranks(a, n, k):
			want, mirror = moves, holds
		}
		if got := judge(t, a.writer, b.writer); got != want {
			rt.Fatalf("who has the first branch %s, want %s", got, want)
		}
		if got := judge(t, b.writer, a.writer); got != mirror {
			rt.Fatalf("who has the second branch %s, want %s", got, mirror)
		}
	})
}

// A log of the past and a log that was read again are what they were, in everything that can be asked of them.
func TestAtAndResumeAreTheVerifiedLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLife(t, rt, 8)
		n := rapid.IntRange(0, len(l.entries)-1).Draw(rt, "seq")
		then := l.writer.branch(n + 1)
		want := then.log()
		resumed, err := device.Resume(alice, then.entries, then.pin())
		if err != nil {
			rt.Fatal(err)
		}
		for _, got := range []*device.Log{at(t, l.log(), uint64(n)), resumed} {
			l.sameAs(rt, want, got, then)
		}
	})
}

// sameAs compares two logs in what they show and in what they take next.
func (l *life) sameAs(rt *rapid.T, want, got *device.Log, then *writer) {
	if got.Pin() != want.Pin() || got.Anchor() != want.Anchor() || got.User() != want.User() ||
		got.HasRecovery() != want.HasRecovery() {
		rt.Fatalf("%v, want %v", got.Pin(), want.Pin())
	}
	active, wantActive := got.Active(), want.Active()
	if !slices.EqualFunc(active, wantActive, func(a, b *device.Record) bool { return slices.Equal(a.Bytes(), b.Bytes()) }) {
		rt.Fatalf("active are %v, want %v", active, wantActive)
	}
	for _, s := range l.seen {
		_, err := got.Find(device.CertID(s.kid))
		_, wantErr := want.Find(device.CertID(s.kid))
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			rt.Fatalf("found: %v, want %v", err, wantErr)
		}
	}
	for _, next := range l.candidates(rt, then) {
		a, err := got.Extend([][]byte{next})
		b, wantErr := want.Extend([][]byte{next})
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() || err == nil && a.Pin() != b.Pin() {
			rt.Fatalf("extended: %v, want %v", err, wantErr)
		}
	}
	if len(l.entries) > len(then.entries) {
		if _, err := got.Extend(l.entries); err != nil {
			rt.Fatalf("extended by what really followed: %v", err)
		}
	}
}

// candidates are next entries, good and bad: by everybody who was ever there, about anybody who was.
func (l *life) candidates(rt *rapid.T, then *writer) [][]byte {
	var all [][]byte
	fresh := newStranger(l, alice)
	for range 2 {
		anybody := rapid.IntRange(0, len(l.seen)-1) // drawn by number: a key is nothing to read in a report
		by, about := l.seen[anybody.Draw(rt, "signer")], l.seen[anybody.Draw(rt, "about")]
		known := strangerOf(l, about.key, fresh.fields.with(3, about.public()))
		again := strangerOf(l, fresh.key, fresh.fields.with(2, l.ids[rapid.IntRange(0, len(l.ids)-1).Draw(rt, "device ID")]))
		for _, f := range []fields{
			entry(then.entries, opAdd, fresh.record, nil), entry(then.entries, opAdd, known.record, nil),
			entry(then.entries, opAdd, again.record, nil), entry(then.entries, opRevoke, about.kid, nil),
			entry(then.entries, opRecover, fresh.record, about.public()), entry(then.entries, opSetRecovery, nil, about.public()),
		} {
			all = append(all, by.entry(l, f))
		}
	}
	return all
}
