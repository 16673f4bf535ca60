package sotto

import (
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
)

// The queues of an account.
var (
	outbox        = queue.Queue{Room: "outbox"}         // what goes out, but for messages
	messages      = queue.Queue{Room: "outbox/message"} // messages that go out
	inbox         = queue.Queue{Room: "inbox"}
	sent          = queue.Queue{Room: "sent", Limit: 10000} // what became of the IDs of sealed messages
	heldEnvelopes = queue.Queue{Room: "held/envelope", Limit: 256, Size: 64 << 20}
	heldShares    = queue.Queue{Room: "held/share", Limit: 1 << 16, Size: 64 << 20} // of own devices, which flood nobody
	heldEntries   = queue.Queue{Room: "held/entry", Limit: 4096, Size: 8 << 20}     // of groups
	heldMessages  = queue.Queue{Room: "held/message", Limit: 1000, Size: 64 << 20}
)

// Where the account keeps itself. Users are in rooms of internal/directory, sessions in those of package session.
const (
	roomAccount = "account" // accountFields
	roomKeys    = "keys"    // the state of device.Keys
)

// accountFields say whose account the store holds. They are written once.
type accountFields struct {
	User string       `cbor:"1,keyasint"`
	Root *device.Hash `cbor:"2,keyasint"` // of a device that joins: the identity it was told, until the log is there
}

const maxAccount = 256

// view is what one transaction sees. It belongs to the function that got it.
type view struct {
	*Account
	tx   *store.Tx
	made *device.Keys // that this transaction changed
	sum  [sha256.Size]byte

	looks    bool    // nothing is written
	seen     bool    // the server's copy of this device's key came
	settled  bool    // what this device signed for its own log is in it
	announce bool    // sessions are due in groups
	joined   bool    // a group is known from now on
	restored bool    // it was noticed that the store was put back to an earlier state
	notices  []Event // of what followed from an input
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

// refresh reads the keys, if there are any yet, so that Device is the present one: another process may have recovered.
func (v *view) refresh() error {
	_, found, err := v.tx.Get(keysName)
	if err != nil || !found {
		return err
	}
	_, err = v.keys()
	return err
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
	v.tx.AfterCommit(func() { v.known.adopt(k, sum) })
	return nil
}

// me returns the own user, whose log a device that joins does not have yet: fault.Misuse.
func (v *view) me() (*directory.User, error) {
	u, err := v.users.User(v.tx, v.Account.user)
	if err == nil && u == nil {
		return nil, errNotYet
	}
	return u, err
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
	return &f, wire.Unmarshal("sotto: account", b, maxAccount, &f)
}

var (
	accountName = store.Name{Room: roomAccount}
	keysName    = store.Name{Room: roomKeys}
)
