package sim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/store"
)

// Phone is a device with an app that does as it should: everything is stored in one commit before it leaves, entries are
// offered until they are in the log, and after each start the log is fetched before anything is signed.
type Phone struct {
	w        *World
	name     string
	user     string
	id       device.ID
	disk     *Disk
	root     *cose.Key // what a lockbox would give out
	restored bool      // the disk was put back, or is a thief's copy
	posted   map[uint64]device.Hash

	// What is in memory. It is gone after a crash.
	on     bool
	db     *store.DB
	keys   *device.Keys
	logs   map[string]*device.Log
	seen   map[device.ID]device.Seen
	frozen map[string][][]byte // logs with a fork, and the entries that show it
	asked  int                 // the question about the own log that must be answered before anything is signed
	synced bool
}

// String is the name of the phone.
func (p *Phone) String() string { return p.name }

// errPower is returned by an operation during which power failed: the phone is off.
var errPower = errors.New("power failed")

// setUp makes the keys of a new device.
func (p *Phone) setUp() error {
	root, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		return err
	}
	p.root, p.posted = root, map[uint64]device.Hash{}
	p.clear()
	if p.keys, err = device.Generate(p.user, device.Classical, p.w.now); err != nil {
		return err
	}
	p.id = p.keys.Record().ID()
	if p.db, err = store.Open(background(), p.disk, p.root, schema); err != nil {
		return err
	}
	p.on = true
	return p.save(nil)
}

var schema = store.Schema{Version: 1}

func (p *Phone) clear() {
	p.on, p.db, p.keys, p.synced = false, nil, nil, false
	p.logs, p.seen, p.frozen = map[string]*device.Log{}, map[device.ID]device.Seen{}, map[string][][]byte{}
}

// Crash turns the phone off as it is.
func (p *Phone) Crash() {
	p.w.Trace("%s crashes", p)
	p.clear()
}

// Start turns the phone on: it reads its disk and asks for its log.
func (p *Phone) Start() error {
	if p.on {
		return nil
	}
	p.w.Trace("%s starts", p)
	p.disk.Cut(PowerOn)
	p.clear()
	var err error
	if p.db, err = store.Open(background(), p.disk, p.root, schema); err != nil {
		return err
	}
	if err := p.db.View(background(), p.load); err != nil {
		return err
	}
	p.on = true
	p.Sync(p.user)
	return nil
}

// save stores everything that an operation changed, and what it signed, in one commit.
func (p *Phone) save(changed map[string][][]byte) error {
	err := p.db.Update(background(), func(tx *store.Tx) error {
		state, err := p.keys.ExportSecretState()
		if err != nil {
			return err
		}
		tx.Put(store.Name{Room: "keys"}, state)
		for user, entries := range changed {
			l := p.logs[user]
			first := l.Pin().Seq + 1 - uint64(len(entries))
			for i, e := range entries {
				tx.Put(entryName(user, first+uint64(i)), e)
			}
			tx.Put(pinName(user), pinBytes(l.Pin()))
		}
		for id, s := range p.seen {
			tx.Put(store.Name{Room: "seen", Parts: [][]byte{id[:]}, Seq: s.Gen}, s.ID[:])
		}
		return nil
	})
	if errors.Is(err, fault.StoreFailed) {
		p.w.Trace("power of %s fails: %v", p, err)
		p.clear()
		return errPower
	}
	return err
}

func (p *Phone) load(tx *store.Tx) error {
	state, found, err := tx.Get(store.Name{Room: "keys"})
	if err != nil || !found {
		return fmt.Errorf("keys are gone: %w", err)
	}
	if p.keys, err = device.ParseKeys(state); err != nil {
		return err
	}
	for _, u := range p.w.users {
		if err := p.loadLog(tx, u.Name); err != nil {
			return err
		}
	}
	return nil
}

func (p *Phone) loadLog(tx *store.Tx, user string) error {
	b, found, err := tx.Get(pinName(user))
	if err != nil || !found {
		return err
	}
	pin := parsePin(b)
	var entries [][]byte
	err = tx.Range(entryName(user, 0), func(seq uint64, e []byte) error {
		if seq <= pin.Seq {
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	l, err := device.Resume(user, entries, pin)
	if err != nil {
		return err
	}
	p.logs[user] = l
	for _, r := range l.Active() {
		id := r.ID()
		err := tx.Range(store.Name{Room: "seen", Parts: [][]byte{id[:]}}, func(gen uint64, key []byte) error {
			p.seen[id] = device.Seen{Gen: gen, ID: device.KeyID(key)}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// found makes the user's log, with this phone as its first device.
func (p *Phone) found(r *recovery.Key) error {
	entry, err := p.keys.Found(r, p.w.now)
	if err != nil {
		return err
	}
	if err := p.save(nil); err != nil {
		return err
	}
	p.w.Server.Post(p.user, entry)
	p.Sync(p.user)
	return p.w.Net.Settle()
}

// Sync asks for a user's log, from where it is known on.
func (p *Phone) Sync(user string) {
	if !p.on {
		return
	}
	var from uint64
	if l := p.logs[user]; l != nil {
		from = l.Pin().Seq + 1
	}
	p.ask(user, from)
}

func (p *Phone) ask(user string, from uint64) {
	p.w.asked++
	if user == p.user && !p.synced {
		p.asked = p.w.asked
	}
	p.w.Net.send(packet{phone: p, toServer: true, kind: ask, user: user, from: from, id: p.w.asked})
}

// Offer sends what the phone signed and the server may not have: the pending entry, always the same, and the newest
// messaging key.
func (p *Phone) Offer() error {
	if !p.on {
		return nil
	}
	if key := p.keys.DeviceKey(); key != nil {
		p.w.Net.send(packet{phone: p, toServer: true, kind: publish, user: p.user, entries: [][]byte{key}})
	}
	entry, l := p.keys.Pending(), p.logs[p.user]
	if entry == nil || l == nil {
		return nil
	}
	seq := l.Pin().Seq + 1
	if old, again := p.posted[seq]; again && old != hash(entry) && !p.restored {
		return fmt.Errorf("%s signed two entries for place %d", p, seq)
	}
	p.posted[seq] = hash(entry)
	p.w.Net.send(packet{phone: p, toServer: true, kind: post, user: p.user, from: seq, entries: [][]byte{entry}})
	return nil
}

// Sign lets the phone sign an entry: f makes it from the own log. What cannot be done now is left.
func (p *Phone) Sign(what string, f func(l *device.Log, now time.Time) ([]byte, error)) error {
	l := p.logs[p.user]
	if !p.on || !p.synced || l == nil || p.frozen[p.user] != nil {
		return nil
	}
	if _, err := f(l, p.w.now); err != nil {
		p.w.Trace("%s does not %s: %v", p, what, err)
		return nil
	}
	p.w.Trace("%s signs: %s", p, what)
	if err := p.save(nil); err != nil {
		return err
	}
	return p.Offer()
}

// Rotate renews the messaging key above what the server shows.
func (p *Phone) Rotate() error {
	l := p.logs[p.user]
	if !p.on || !p.synced || l == nil || p.frozen[p.user] != nil {
		return nil
	}
	published := p.w.Server.Newest(p.id)
	if _, err := p.keys.Rotate(l, published, p.w.now); err != nil {
		return fmt.Errorf("%s rotates: %w", p, err)
	}
	p.w.Trace("%s renews its messaging key", p)
	if err := p.save(nil); err != nil {
		return err
	}
	return p.Offer()
}

func hash(b []byte) device.Hash { return sha256.Sum256(b) }
