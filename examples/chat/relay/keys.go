package relay

import (
	"net/http"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/device"
)

func (s *Server) getKeys(r *http.Request) (list []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		l, err := logOf(tx, r.PathValue("user"))
		if err != nil {
			return err
		}
		for _, record := range l.Active() {
			id := record.ID()
			if b := tx.Bucket(keysBucket).Get(id[:]); b != nil {
				list = appendFrame(list, b)
			}
		}
		return nil
	})
	return list, err
}

// postKey takes a device-key that is newer than the one at hand, or the same again.
func (s *Server) postKey(r *http.Request) ([]byte, error) {
	b, err := body(r)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(func(tx *bbolt.Tx) error {
		l, err := logOf(tx, r.PathValue("user"))
		if err != nil {
			return err
		}
		cert, _, err := device.KeyClaim(b)
		if err != nil {
			return err
		}
		record, err := l.Find(cert)
		if err != nil {
			return err
		}
		id := record.ID()
		m, err := l.AcceptKey(id, b, seen(tx, l, id))
		if err != nil {
			return err
		}
		keyID := m.ID()
		if err := tx.Bucket(keyIDsBucket).Put(keyID[:], id[:]); err != nil {
			return err
		}
		return tx.Bucket(keysBucket).Put(id[:], b)
	})
}

// seen is what the stored device-key says, nil for none, and for one of a record that was replaced since.
func seen(tx *bbolt.Tx, l *device.Log, id device.ID) *device.Seen {
	held, err := l.AcceptKey(id, tx.Bucket(keysBucket).Get(id[:]), nil)
	if err != nil {
		return nil
	}
	last := held.Seen()
	return &last
}
