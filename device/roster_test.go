package device_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// logs are those of n users, each with some devices.
func logs(t testing.TB, n int) []*device.Log {
	t.Helper()
	var all []*device.Log
	for i := range n {
		k := generate(t, fmt.Sprintf("user %d", n-i), device.Hybrid)
		h := found(t, k, nil)
		for range i {
			h.add(k, generate(t, k.Record().User(), device.Hybrid))
		}
		all = append(all, h.log)
	}
	return all
}

func roster(t testing.TB, conversation device.Hash, epoch uint64, logs ...*device.Log) *device.Roster {
	t.Helper()
	r, err := device.NewRoster(conversation, epoch, logs...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The hash as docs/spec/device.md has it, by the general encoder.
func TestRosterHashIsAsSpecified(t *testing.T) {
	conversation := device.Hash{1, 2, 3}
	for _, epoch := range []uint64{0, 1, 23, 24, 1000, 1<<53 - 1} {
		all := logs(t, 4)
		var certs [][]byte
		for _, l := range all {
			for _, r := range l.Active() {
				cert := r.Cert()
				certs = append(certs, cert[:])
			}
		}
		slices.SortFunc(certs, bytes.Compare)
		b, err := wire.Marshal([]any{"sotto/v1.roster", conversation[:], epoch, certs})
		if err != nil {
			t.Fatal(err)
		}
		r := roster(t, conversation, epoch, all...)
		if r.Hash() != sha256.Sum256(b) {
			t.Errorf("epoch %d: another hash", epoch)
		}
		got := r.Certs()
		if !slices.EqualFunc(got, certs, func(a device.CertID, b []byte) bool { return bytes.Equal(a[:], b) }) {
			t.Error("other devices, or another order")
		}
	}
}

func TestRosterDoesNotDependOnTheOrder(t *testing.T) {
	all := logs(t, 4)
	want := roster(t, device.Hash{}, 7, all...)
	slices.Reverse(all)
	got := roster(t, device.Hash{}, 7, all...)
	if got.Hash() != want.Hash() || !slices.Equal(got.Heads(), want.Heads()) || !slices.Equal(got.Certs(), want.Certs()) {
		t.Error("another roster")
	}
	heads := got.Heads()
	byUser := func(a, b device.Head) int { return bytes.Compare([]byte(a.User), []byte(b.User)) }
	if len(heads) != 4 || !slices.IsSortedFunc(heads, byUser) {
		t.Errorf("heads %v", heads)
	}
	for _, l := range all {
		if !slices.Contains(heads, device.Head{User: l.User(), Pin: l.Pin()}) {
			t.Errorf("the log of %s counts up to somewhere else", l.User())
		}
		for _, r := range l.Active() {
			if found, in := got.Find(r.Cert()); !in || found != r {
				t.Error("an active device is not in the roster")
			}
		}
	}
	got.Heads()[0], got.Certs()[0] = device.Head{}, device.CertID{}
	if got.Heads()[0] != want.Heads()[0] || got.Certs()[0] != want.Certs()[0] {
		t.Error("the roster changed with what it gave out")
	}
}

func TestRosterHashStandsForEverything(t *testing.T) {
	s := newScene(t)
	l := s.log()
	hashes := map[device.Hash]string{}
	for name, r := range map[string]*device.Roster{
		"one":                   roster(t, device.Hash{}, 0, l),
		"another conversation":  roster(t, device.Hash{1}, 0, l),
		"another epoch":         roster(t, device.Hash{}, 1, l),
		"before an update":      roster(t, device.Hash{}, 0, at(t, l, 5)),
		"before a revocation":   roster(t, device.Hash{}, 0, at(t, l, 3)),
		"with one device":       roster(t, device.Hash{}, 0, at(t, l, 0)),
		"with another user too": roster(t, device.Hash{}, 0, append(logs(t, 1), l)...),
	} {
		if other, same := hashes[r.Hash()]; same {
			t.Errorf("%s and %s have one hash", name, other)
		}
		hashes[r.Hash()] = name
	}
	// What changes no device changes nothing.
	if roster(t, device.Hash{}, 0, at(t, l, 4)).Hash() != roster(t, device.Hash{}, 0, at(t, l, 5)).Hash() {
		t.Error("another recovery key makes another roster")
	}
	r := roster(t, device.Hash{}, 0, l)
	for _, gone := range []stranger{s.phone, s.phoneOld, s.laptopOld} {
		if _, in := r.Find(device.CertID(gone.kid)); in {
			t.Error("a record that is not in force is in the roster")
		}
	}
}

func TestRosterSuiteIsTheLowest(t *testing.T) {
	s := newScene(t)
	l := s.log()
	hybrid := logs(t, 1)[0]
	if got := roster(t, device.Hash{}, 0, l, hybrid).Suite(); got != device.Classical {
		t.Errorf("suite %d with a classical device", got)
	}
	if got := roster(t, device.Hash{}, 0, hybrid).Suite(); got != device.Hybrid {
		t.Errorf("suite %d of hybrid devices", got)
	}
	s.put(s.laptop.signer, opRevoke, s.founder.kid, nil)
	if got := roster(t, device.Hash{}, 0, hybrid, s.log()).Suite(); got != device.Hybrid {
		t.Errorf("suite %d after the classical device is gone", got)
	}
}

func TestRosterIsLimited(t *testing.T) {
	one := logs(t, 1)[0]
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	for range device.MaxActive - 1 {
		h.add(k, generate(t, alice, device.Classical))
	}
	many := func(n int, l *device.Log) []*device.Log { return slices.Repeat([]*device.Log{l}, n) }
	for name, c := range map[string]struct {
		logs  []*device.Log
		epoch uint64
		want  fault.Code
	}{
		"too many users":                  {many(device.MaxHeads+1, one), 0, fault.OverLimit},
		"too many devices":                {many(device.MaxRoster/device.MaxActive+1, h.log), 0, fault.OverLimit},
		"a user twice":                    {[]*device.Log{one, h.log, one}, 0, fault.Misuse},
		"as many as may be, but one user": {many(device.MaxHeads, one), 0, fault.Misuse},
		"epoch of 2^53":                   {[]*device.Log{one}, 1 << 53, fault.Misuse},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := device.NewRoster(device.Hash{}, c.epoch, c.logs...)
			wantFault(t, err, c.want)
			if r != nil {
				t.Error("a roster beside the error")
			}
		})
	}
}

// Everybody may have revoked himself: then nobody is left to seal to.
func TestRosterOfUsersWithoutDevices(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	h.revoke(k, k)
	if r := roster(t, device.Hash{}, 0, h.log); len(r.Certs()) != 0 || len(r.Heads()) != 1 || r.Suite() != 0 {
		t.Error("somebody is in it")
	}
}
