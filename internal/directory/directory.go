// Package directory keeps what a device knows of users and their devices: the pinned log of each user, the mark that people
// gave it, and the newest messaging key of each device. Everything is read and written inside the caller's transaction.
package directory

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// The rooms.
const (
	roomUsers   = "users"         // number: a user's ID, in the order in which they were pinned
	roomCount   = "users/count"   // how many they are
	roomVersion = "users/version" // see Version
	roomUser    = "user"          // [user]: fields
	roomTrust   = "user/trust"    // [user]: marks, of a user to whom something happened
	roomLog     = "user/log"      // [user], seq: log entry
	roomOther   = "user/other"    // [user], seq: entry of another log that was served, until people decide
	roomFormer  = "user/former"   // [user, root], seq: entry of the log of an identity that is not the pinned one
	roomCert    = "user/cert"     // [CertID]: whose record it is
	roomKey     = "user/key"      // [user, device ID]: the newest device-key that was accepted
	roomWaiting = "user/waiting"  // [user, device ID]: a device-key from ahead of the log
	roomGen     = "user/gen"      // [user, device ID]: the highest generation that a message of the device named
)

// Directory reads users. It remembers logs, so that they need not be put together again: whatever it knows is compared with
// what is stored. The zero value is ready; it is safe for concurrent use.
type Directory struct {
	mu     sync.Mutex
	logs   map[string]*device.Log
	former map[identity]*device.Log
}

// identity is who somebody is: the user ID together with the root of the log.
type identity struct {
	user string
	root device.Hash
}

// User is somebody whose log is pinned.
type User struct {
	Name   string
	Log    *device.Log
	Forked bool // another branch of the log turned up, and nobody has decided yet
	Trust  trust.State
	fields fields
	marks  marks
}

// Root returns the user's identity, together with the name.
func (u *User) Root() device.Hash { return u.fields.Root }

// fields are what is stored of a user.
type fields struct {
	Root device.Hash `cbor:"1,keyasint"`
	Seq  uint64      `cbor:"2,keyasint"`
	Head device.Hash `cbor:"3,keyasint"`
	Fork *[]byte     `cbor:"4,keyasint"` // the other entry of a fork that nobody decided yet, or null
}

const maxFields = 256 + device.MaxEntry

// User returns a user who is pinned, nil for one who is not.
func (d *Directory) User(tx *store.Tx, name string) (*User, error) {
	b, found, err := tx.Get(userName(name))
	if err != nil || !found {
		return nil, err
	}
	u := &User{Name: name}
	if err := wire.Unmarshal("directory: user", b, maxFields, &u.fields); err != nil {
		return nil, err
	}
	u.Forked = u.fields.Fork != nil
	pin := device.Pin{Root: u.fields.Root, Seq: u.fields.Seq, Head: u.fields.Head}
	if u.marks, err = readMarks(tx, name); err != nil {
		return nil, err
	}
	u.Trust = trust.State{Pin: pin, Mark: u.marks.mark(), Cause: trust.Event(u.marks.Cause)}
	if u.Log = d.known(name, pin); u.Log != nil {
		return u, nil
	}
	entries, err := Entries(tx, name)
	if err != nil {
		return nil, err
	}
	if u.Log, err = device.Resume(name, entries, pin); err != nil {
		return nil, fmt.Errorf("directory: stored log: %w", err)
	}
	d.remember(u.Log)
	return u, nil
}

// Each visits everybody who is pinned, in the order in which that happened.
func (d *Directory) Each(tx *store.Tx, f func(u *User) error) error {
	return tx.Range(store.Name{Room: roomUsers}, func(_ uint64, name []byte) error {
		u, err := d.User(tx, string(name))
		if err != nil || u == nil {
			return err
		}
		return f(u)
	})
}

// Entries returns the log of a user as it is stored, none for somebody who is not pinned.
func Entries(tx *store.Tx, name string) ([][]byte, error) {
	return all(tx, logName(name, 0))
}

// Entry returns one entry of a user's log, nil when it is not there.
func Entry(tx *store.Tx, name string, seq uint64) ([]byte, error) {
	b, _, err := tx.Get(logName(name, seq))
	return b, err
}

// Owner returns whose record it is, "" for nobody who is pinned. Only the user's log says whether it still counts.
func Owner(tx *store.Tx, c device.CertID) (string, error) {
	b, _, err := tx.Get(certName(c))
	return string(b), err
}

// Version is another one after every change that says to whom may be sealed: a log, a mark, what waits for a log. It is
// random, so that a store which was put back comes to no version twice.
func Version(tx *store.Tx) (uint64, error) {
	b, _, err := tx.Get(store.Name{Room: roomVersion})
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// changed gives the directory another version.
func changed(tx *store.Tx) {
	b := make([]byte, 8)
	rand.Read(b)
	tx.Put(store.Name{Room: roomVersion}, b)
}

func (d *Directory) known(user string, pin device.Pin) *device.Log {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.logs[user]; l != nil && l.Pin() == pin {
		return l
	}
	return nil
}

func (d *Directory) remember(l *device.Log) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.logs == nil {
		d.logs = map[string]*device.Log{}
	}
	d.logs[l.User()] = l
}

// note lists a user who is pinned for the first time.
func note(tx *store.Tx, name string) error {
	n := store.Name{Room: roomUsers}
	b, counted, err := tx.Get(store.Name{Room: roomCount})
	if err != nil {
		return err
	}
	if counted && len(b) == 8 {
		n.Seq = binary.BigEndian.Uint64(b)
	} else { // before they were counted
		err = tx.Range(n, func(seq uint64, _ []byte) error {
			n.Seq = seq + 1
			return nil
		})
	}
	tx.Put(n, []byte(name))
	tx.Put(store.Name{Room: roomCount}, binary.BigEndian.AppendUint64(nil, n.Seq+1))
	return err
}

// put stores a user and the mark.
func put(tx *store.Tx, u *User) error {
	b, err := wire.Marshal(&u.fields)
	if err != nil {
		return fmt.Errorf("directory: user: %w", err)
	}
	tx.Put(userName(u.Name), b)
	return putMarks(tx, u)
}

// decided reports whether a recovery on the log has settled which branch counts.
func decided(l *device.Log, other []byte) bool {
	_, err := l.Extend([][]byte{other})
	return !errors.Is(err, fault.LogFork)
}

func userName(user string) store.Name {
	return store.Name{Room: roomUser, Parts: [][]byte{[]byte(user)}}
}

func logName(user string, seq uint64) store.Name {
	return store.Name{Room: roomLog, Parts: [][]byte{[]byte(user)}, Seq: seq}
}

func keyName(room, user string, id device.ID) store.Name {
	return store.Name{Room: room, Parts: [][]byte{[]byte(user), id[:]}}
}

func certName(c device.CertID) store.Name {
	return store.Name{Room: roomCert, Parts: [][]byte{c[:]}}
}
