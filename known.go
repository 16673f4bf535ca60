package sotto

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
)

// known is what an account keeps in memory so that it need not be computed again: whatever is in it can be read from the
// store. It is safe for concurrent use. Keys and sessions that are taken from it are used while Account.use is held.
type known struct {
	mu       sync.Mutex
	keys     *device.Keys
	state    [sha256.Size]byte // hash of the stored state that keys are of
	device   device.ID         // whose keys those are, or were
	retired  []*device.Keys    // replaced, or never committed
	sessions map[session.ID]*session.Session
	crews    map[device.Hash]knownCrew // by conversation
	readers  map[session.ID]*readers
}

// readers are the logs of those whom a session was made for, when the directory had a version.
type readers struct {
	version uint64
	logs    session.Logs
	also    []Reader // devices that were revoked since
}

// readersOf returns them if the directory has not changed since setReaders.
func (k *known) readersOf(id session.ID, version uint64) *readers {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.readers[id]; r != nil && r.version == version {
		return r
	}
	return nil
}

func (k *known) setReaders(id session.ID, r *readers) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.readers == nil {
		k.readers = map[session.ID]*readers{}
	}
	k.readers[id] = r
}

// knownCrew is who read the next message when the directory had a version.
type knownCrew struct {
	*crew
	version uint64
}

// crewOf returns who reads the next message of a conversation in a state, if nothing has changed since setCrew.
func (k *known) crewOf(conversation device.Hash, state *device.Hash, version uint64) *crew {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.crews[conversation]
	if w.crew == nil || w.version != version || state != nil && *state != *w.place.State {
		return nil
	}
	return w.crew
}

func (k *known) setCrew(w *crew, version uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.crews == nil {
		k.crews = map[device.Hash]knownCrew{}
	}
	k.crews[w.place.ID] = knownCrew{w, version}
}

// keysOf returns the device's keys if those at hand are of the given state.
func (k *known) keysOf(state [sha256.Size]byte) *device.Keys {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state != state {
		return nil
	}
	return k.keys
}

// setKeys replaces the device's keys. What was there lives until wipe.
func (k *known) setKeys(keys *device.Keys, state [sha256.Size]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys != nil && k.keys != keys {
		k.retired = append(k.retired, k.keys)
	}
	k.use(keys, state)
}

// use takes keys into use. k.mu is held.
func (k *known) use(keys *device.Keys, state [sha256.Size]byte) {
	k.keys, k.state = keys, state
	if keys != nil {
		k.device = keys.Record().ID()
	}
}

// deviceID is which device this is.
func (k *known) deviceID() device.ID {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.device
}

// adopt takes keys that retire kept into use. If they were wiped meanwhile, between their transaction and its commit, they are
// read from the store when they are needed.
func (k *known) adopt(keys *device.Keys, state [sha256.Size]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.retired, keys) {
		return
	}
	if k.keys != nil {
		k.retired = append(k.retired, k.keys)
	}
	k.use(keys, state)
}

// retire keeps keys that may not come to be used, until wipe.
func (k *known) retire(keys *device.Keys) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retired = append(k.retired, keys)
}

// wipe destroys keys that were replaced. The caller holds Account.use for writing.
func (k *known) wipe() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, keys := range k.retired {
		if keys != k.keys {
			keys.Destroy()
		}
	}
	k.retired = nil
}

func (k *known) session(id session.ID) *session.Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sessions[id]
}

// keep remembers a session and returns the one to use: that of somebody who was faster, if there is one.
func (k *known) keep(s *session.Session) *session.Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions == nil {
		k.sessions = map[session.ID]*session.Session{}
	}
	if first := k.sessions[s.ID()]; first != nil {
		s.Destroy()
		return first
	}
	k.sessions[s.ID()] = s
	return s
}

// ids returns the sessions that are at hand.
func (k *known) ids() []session.ID {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.sessions))
}

// dropSessions destroys sessions that were closed. The caller holds Account.use for writing.
func (k *known) dropSessions(ids []session.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if s := k.sessions[id]; s != nil {
			s.Destroy()
			delete(k.sessions, id)
			delete(k.readers, id)
		}
	}
}

// destroy wipes everything. The caller holds Account.use for writing.
func (k *known) destroy() {
	k.dropSessions(k.ids())
	k.setKeys(nil, [sha256.Size]byte{})
	k.wipe()
}
