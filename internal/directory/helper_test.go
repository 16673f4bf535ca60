package directory_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/store"
)

var wantFault = faulttest.Want

// start is when everything begins.
var start = time.Unix(1_800_000_000, 0)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// person is a user, whose log is up to the test.
type person struct {
	user    string
	keys    *device.Keys
	log     *device.Log
	entries [][]byte
}

func newPerson(user string, r *recovery.Key) *person {
	p := &person{user: user, keys: must(device.Generate(user, device.Classical, start))}
	p.take(must(p.keys.Found(r, start)))
	return p
}

func (p *person) take(entry []byte) []byte {
	p.entries = append(p.entries, entry)
	p.log = must(device.Verify(p.user, p.entries))
	must(p.keys.Settle(p.log))
	return entry
}

// add takes in another device and returns its keys.
func (p *person) add() *device.Keys {
	k := must(device.Generate(p.user, device.Classical, start))
	p.take(must(p.log.Add(p.keys, k.Record(), start)))
	must(k.Settle(p.log))
	return k
}

func (p *person) revoke(k *device.Keys) { p.take(must(p.log.Revoke(p.keys, k.Record().ID(), start))) }

// recover ends every device but a new one.
func (p *person) recover(r *recovery.Key) {
	k := must(device.Generate(p.user, device.Classical, start))
	entry := must(p.log.Recover(k, r, nil, start))
	p.keys = k
	p.take(entry)
}

// branch is the same person who goes on differently.
func (p *person) branch() *person {
	b := &person{user: p.user, entries: append([][]byte(nil), p.entries...)}
	b.keys = must(device.ParseKeys(must(p.keys.ExportSecretState())))
	b.log = must(device.Verify(p.user, b.entries))
	return b
}

func (p *person) rotate(k *device.Keys) []byte { return must(k.Rotate(p.log, nil, start)) }

func (p *person) pin() device.Pin { return p.log.Pin() }

func sum(b []byte) device.Hash { return sha256.Sum256(b) }

// home is a directory in a store.
type home struct {
	testing.TB
	*directory.Directory
	backend store.Backend
	db      *store.DB
	own     *person // who tells of others; nil before
}

func newHome(t testing.TB) *home {
	t.Helper()
	h := &home{TB: t, Directory: &directory.Directory{}, backend: store.Memory()}
	root := must(cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{1}, 32)))
	h.db = must(store.Open(t.Context(), h.backend, root, store.Schema{Version: 1}))
	return h
}

// again forgets what is in memory.
func (h *home) again() { h.Directory = &directory.Directory{} }

func (h *home) update(f func(tx *store.Tx) error) error { return h.db.Update(h.Context(), f) }

func (h *home) do(f func(tx *store.Tx) error) {
	h.Helper()
	if err := h.update(f); err != nil {
		h.Fatal(err)
	}
}

// user is somebody as stored, read with and without what is in memory.
func (h *home) user(name string) (u *directory.User) {
	h.Helper()
	h.do(func(tx *store.Tx) (err error) {
		if u, err = h.User(tx, name); err != nil {
			return err
		}
		fresh, err := (&directory.Directory{}).User(tx, name)
		if err == nil && u != nil && (fresh.Trust != u.Trust || fresh.Log.Pin() != u.Log.Pin() || fresh.Forked != u.Forked) {
			h.Errorf("in memory %+v, stored %+v", u, fresh)
		}
		return err
	})
	return u
}

func (h *home) version() (v uint64) {
	h.Helper()
	h.do(func(tx *store.Tx) (err error) {
		v, err = directory.Version(tx)
		return err
	})
	return v
}

// grow holds entries from a place on against what is stored, and applies them. A fork is no error.
func (h *home) grow(name string, from uint64, entries ...[]byte) (c *directory.Change) {
	h.Helper()
	var base *device.Log
	if u := h.user(name); u != nil {
		base = u.Log
	}
	g, err := directory.Grow(name, base, from, entries)
	if !g.Forks() && err != nil {
		h.Fatal(err)
	}
	h.do(func(tx *store.Tx) (err error) {
		c, err = h.Apply(tx, g)
		return err
	})
	return c
}

func (h *home) offer(p *person) {
	h.Helper()
	h.do(func(tx *store.Tx) error { return directory.Offer(tx, p.user, p.entries) })
}

func (h *home) other(name string) (l *device.Log) {
	h.Helper()
	h.do(func(tx *store.Tx) (err error) {
		l, err = directory.Other(tx, name)
		return err
	})
	return l
}
