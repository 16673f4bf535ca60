package sotto

import (
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// The queues of an account.
var (
	outbox        = queue.Queue{Room: "outbox"}
	inbox         = queue.Queue{Room: "inbox"}
	sent          = queue.Queue{Room: "sent", Limit: 10000} // what became of the IDs of sealed messages
	heldEnvelopes = queue.Queue{Room: "held/envelope", Limit: 256, Size: 64 << 20}
	heldMessages  = queue.Queue{Room: "held/message", Limit: 1000, Size: 64 << 20}
)

// Where the account keeps everything else; sessions are in rooms of package session.
const (
	roomAccount = "account"      // accountFields
	roomKeys    = "keys"         // the state of device.Keys
	roomUser    = "user"         // [user]: userFields
	roomUsers   = "users"        // number: a user's ID, in the order in which they were pinned
	roomLog     = "user/log"     // [user], seq: log entry
	roomKey     = "user/key"     // [user, device ID]: the newest device-key that was accepted
	roomWaiting = "user/waiting" // [user, device ID]: a device-key from ahead of the log
	roomCert    = "user/cert"    // [CertID]: whose record it is
)

// accountFields say whose account the store holds. They are written once.
type accountFields struct {
	User string       `cbor:"1,keyasint"`
	Root *device.Hash `cbor:"2,keyasint"` // of a device that joins: the identity it was told, until the log is there
}

// userFields are what is remembered of a user, the own one included.
type userFields struct {
	Root device.Hash `cbor:"1,keyasint"`
	Seq  uint64      `cbor:"2,keyasint"`
	Head device.Hash `cbor:"3,keyasint"`
	Fork *[]byte     `cbor:"4,keyasint"` // the other entry of a fork that nobody decided yet, or null
}

const maxUserFields = 256 + device.MaxEntry

// pinned is a user whose log is known.
type pinned struct {
	fields userFields
	log    *device.Log
}

func (p *pinned) pin() device.Pin {
	return device.Pin{Root: p.fields.Root, Seq: p.fields.Seq, Head: p.fields.Head}
}

// view is what one transaction sees. It belongs to the function that got it.
type view struct {
	*Account
	tx   *store.Tx
	made *device.Keys // that this transaction changed
	sum  [sha256.Size]byte

	restored bool // it was noticed that the store was put back to an earlier state
}

// user returns a user that is pinned, nil for one that is not.
func (v *view) user(name string) (*pinned, error) {
	b, found, err := v.tx.Get(userName(name))
	if err != nil || !found {
		return nil, err
	}
	p := &pinned{}
	if err := wire.Unmarshal("sotto: user", b, maxUserFields, &p.fields); err != nil {
		return nil, err
	}
	if p.log = v.known.log(name, p.pin()); p.log != nil {
		return p, nil
	}
	var entries [][]byte
	err = v.tx.Range(logName(name, 0), func(_ uint64, entry []byte) error {
		entries = append(entries, entry)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if p.log, err = device.Resume(name, entries, p.pin()); err != nil {
		return nil, fmt.Errorf("sotto: log of a contact: %w", err)
	}
	v.known.setLog(p.log)
	return p, nil
}

// logs returns the logs of those of the users who are pinned.
func (v *view) logs(users ...string) (session.Logs, error) {
	logs := session.Logs{}
	for _, name := range users {
		p, err := v.user(name)
		if err != nil {
			return nil, err
		}
		if p != nil {
			logs[name] = p.log
		}
	}
	return logs, nil
}

func (v *view) putUser(name string, f *userFields) error {
	b, err := wire.Marshal(f)
	if err != nil {
		return fmt.Errorf("sotto: user: %w", err)
	}
	v.tx.Put(userName(name), b)
	return nil
}

// keys returns this device's keys as the store has them: another process may have changed them.
func (v *view) keys() (*device.Keys, error) {
	b, _, err := v.tx.Get(keysName)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	sum := sha256.Sum256(b)
	if v.made != nil && v.sum == sum {
		return v.made, nil
	}
	if k := v.known.keysOf(sum); k != nil {
		return k, nil
	}
	k, err := device.ParseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("sotto: keys of this device: %w", err)
	}
	v.known.setKeys(k, sum)
	return k, nil
}

// changeKeys runs f on a copy of this device's keys, which takes their place when the transaction is committed.
func (v *view) changeKeys(f func(k *device.Keys) error) error {
	b, _, err := v.tx.Get(keysName)
	if err != nil {
		return err
	}
	defer clear(b)
	k, err := device.ParseKeys(b)
	if err != nil {
		return fmt.Errorf("sotto: keys of this device: %w", err)
	}
	v.known.retire(k)
	if err := f(k); err != nil {
		return err
	}
	return v.putKeys(k)
}

// putKeys stores keys.
func (v *view) putKeys(k *device.Keys) error {
	b, err := k.ExportSecretState()
	if err != nil {
		return err
	}
	defer clear(b)
	v.tx.Put(keysName, b)
	sum := sha256.Sum256(b)
	v.made, v.sum = k, sum
	v.tx.AfterCommit(func() { v.known.setKeys(k, sum) })
	return nil
}

// me returns the own user, whose log a device that joins does not have yet: fault.Misuse.
func (v *view) me() (*pinned, error) {
	p, err := v.user(v.Account.user)
	if err == nil && p == nil {
		return nil, errNotYet
	}
	return p, err
}

// errNotYet is for a device that joins: its own log with this device in it comes first.
var errNotYet = fmt.Errorf("sotto: this device is not in its user's log yet: %w", fault.Misuse)

func (v *view) account() (*accountFields, error) {
	b, found, err := v.tx.Get(accountName)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("sotto: the store holds no account: %w", fault.Damaged)
	}
	var f accountFields
	return &f, wire.Unmarshal("sotto: account", b, maxUserFields, &f)
}

var (
	accountName = store.Name{Room: roomAccount}
	keysName    = store.Name{Room: roomKeys}
)

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
