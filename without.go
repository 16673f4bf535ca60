package sotto

import (
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// best is the session to send the next message on. While nothing is sealed to a member of a group it must be one that this
// device began without him; others may have it from somebody else.
func (v *view) best(w *crew) (session.ID, session.Reason, error) {
	if len(w.without) == 0 {
		return session.Best(v.tx, w.place, w.roster, v.now(), nil)
	}
	return session.Best(v.tx, w.place, w.roster, v.now(), func(id session.ID) (bool, error) {
		users, err := v.without(id)
		for user := range w.without {
			if !slices.Contains(users, user) {
				return false, err
			}
		}
		return true, err
	})
}

// putWithout notes the users whom this device left out of a session that it began.
func (v *view) putWithout(id session.ID, users map[string]fault.Code) error {
	if len(users) == 0 {
		return nil
	}
	b := wire.AppendHead(nil, wire.MajorArray, uint64(len(users)))
	for _, user := range slices.Sorted(maps.Keys(users)) {
		b = wire.AppendText(b, user)
	}
	v.tx.Put(withoutName(id), b)
	return nil
}

func (v *view) without(id session.ID) ([]string, error) {
	b, found, err := v.tx.Get(withoutName(id))
	if err != nil || !found {
		return nil, err
	}
	r := wire.NewReader(b)
	users := make([]string, 0, 8)
	for range r.Array("without", device.MaxHeads) {
		users = append(users, r.Text("without", device.MaxUser))
	}
	return users, r.End("without")
}

func withoutName(id session.ID) store.Name {
	return store.Name{Room: "without", Parts: [][]byte{id[:]}}
}
