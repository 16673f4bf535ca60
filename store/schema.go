package store

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Schema is the version of what an app keeps in the store.
type Schema struct {
	// Version of the present code, 1 or more.
	Version uint64

	// Migrate brings a store of schema from, which is below Version, to Version; its writes and the new version are one
	// commit. It may run several times, as every function of a transaction. Who can write to the storage can bring back the
	// record of an older version: Migrate then meets values that it migrated before. It may be nil as long as there is nothing
	// older.
	Migrate func(tx *Tx, from uint64) error
}

// record is the value that the DB keeps for itself: proof that the store belongs to this root key, and of what schema it is.
type record struct {
	Version uint64 `cbor:"1,keyasint"`
}

// recordName is in a room of the DB's own: those of an app are not empty.
var recordName = Name{}

const maxRecord = 16

// version returns the schema of the store, 0 when the store is empty. A store that is neither empty nor has a record under
// this root key is fault.WrongSecret.
func (t *Tx) version() (uint64, error) {
	b, found, err := t.get(recordName)
	if err != nil {
		return 0, err
	}
	if !found {
		if t.base > 0 {
			return 0, fmt.Errorf("store: store of another key: %w", fault.WrongSecret)
		}
		return 0, nil
	}
	var r record
	if err := wire.Unmarshal("store: schema record", b, maxRecord, &r); err != nil {
		return 0, err
	}
	if v := t.db.schema.Version; r.Version > v {
		return 0, fmt.Errorf("store: schema %d, this code knows %d: %w", r.Version, v, fault.UnsupportedVersion)
	}
	return r.Version, nil
}

// putRecord writes the record of the present schema.
func (t *Tx) putRecord() error {
	b, err := wire.Marshal(record{Version: t.db.schema.Version})
	if err != nil {
		return err
	}
	key, err := t.db.keys.storageKey(recordName)
	if err != nil {
		return err
	}
	t.set(key, &write{value: b})
	return nil
}

// migrate brings an older store to the present schema, inside of Open's transaction.
func (t *Tx) migrate() error {
	from, err := t.version()
	s := t.db.schema
	switch {
	case err != nil:
		return err
	case from == 0 || from == s.Version:
		return nil
	case s.Migrate == nil:
		return fmt.Errorf("store: schema %d and no way to %d: %w", from, s.Version, fault.Misuse)
	}
	if err := s.Migrate(t, from); err != nil {
		return err
	}
	return t.putRecord()
}

// settled makes sure that the store is still the one that Open saw: another process may have filled, migrated or replaced
// it since.
func (t *Tx) settled() error {
	v, err := t.version()
	if err == nil && v != 0 && v < t.db.schema.Version {
		return fmt.Errorf("store: schema %d, older than the %d it was opened with: %w", v, t.db.schema.Version, fault.Rollback)
	}
	return err
}

// Header returns the one value of a store that is not sealed: it says how the root key is found, and is read before there
// is a key. It is not authenticated: whoever puts it there sees to that, as a lockbox does. More than MaxHeader bytes are
// fault.OverLimit.
func Header(ctx context.Context, b Backend) (header []byte, found bool, err error) {
	if b == nil {
		return nil, false, fmt.Errorf("store: no backend: %w", fault.Misuse)
	}
	header, found, err = checked{b}.get(ctx, []byte(headerKey))
	if len(header) > MaxHeader {
		return nil, false, fmt.Errorf("store: header of %d bytes: %w", len(header), fault.OverLimit)
	}
	return header, found, err
}
