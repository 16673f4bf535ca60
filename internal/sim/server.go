package sim

import (
	"bytes"
	"slices"

	"github.com/sottokit/sotto/device"
)

// Fate decides and tells.
type Fate struct {
	// Choose picks one of n things, from 0 on; what says what for.
	Choose func(what string, n int) int

	// Trace is given a line for each event.
	Trace func(format string, args ...any)
}

// Server keeps the users' logs and device-keys. It takes an entry only where it fits the log as it stands, so of two that
// want one place the first one wins. An evil one lies when it is asked, but it has nobody's keys.
type Server struct {
	Fate
	Evil     bool
	users    []string            // who has a log
	logs     map[string][][]byte // what honest servers serve
	verified map[string]*device.Log
	branches map[string][][]byte    // another log of the same root, made of what was signed beside the log
	parted   []device.Hash          // every entry that ever stood on a branch
	keys     map[device.ID][][]byte // the device-keys of each device, the newest one last
}

// NewServer returns an honest one.
func NewServer(f Fate) *Server {
	return &Server{
		Fate: f, logs: map[string][][]byte{}, verified: map[string]*device.Log{}, branches: map[string][][]byte{},
		keys: map[device.ID][][]byte{},
	}
}

// Log returns the log of a user, verified, nil for nobody.
func (s *Server) Log(user string) *device.Log { return s.verified[user] }

// Split reports whether there is another branch of the log of a user.
func (s *Server) Split(user string) bool { return s.branches[user] != nil }

// Newest returns the newest device-key of a device, nil for none.
func (s *Server) Newest(id device.ID) []byte {
	if all := s.keys[id]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// Post appends an entry where it fits. What does not, an evil server keeps for its branch.
func (s *Server) Post(user string, entry []byte) {
	log := s.logs[user]
	if longer, ok := extended(user, s.verified[user], entry); ok {
		if log == nil {
			s.users = append(s.users, user)
		}
		s.verified[user], s.logs[user] = longer, append(slices.Clip(log), entry)
		return
	}
	if !s.Evil || s.verified[user] == nil {
		return
	}
	for n := len(log) - 1; n > 0; n-- {
		before, err := s.verified[user].At(uint64(n - 1))
		if err != nil || bytes.Equal(log[n], entry) {
			continue
		}
		if _, ok := extended(user, before, entry); ok {
			s.branches[user] = append(slices.Clone(log[:n]), entry)
			s.parted = append(s.parted, hash(entry))
			s.Trace("the server parts the log of %s at entry %d", user, n)
			return
		}
	}
}

// extended is the log with one entry more, if that is valid there.
func extended(user string, l *device.Log, entry []byte) (*device.Log, bool) {
	if l == nil {
		first, err := device.Verify(user, [][]byte{entry})
		return first, err == nil
	}
	longer, err := l.Extend([][]byte{entry})
	return longer, err == nil && longer != l
}

// Publish keeps the newest device-key of a device that is in the log. It reports whether it knows the device.
func (s *Server) Publish(user string, id device.ID, key []byte) bool {
	l := s.verified[user]
	if l == nil {
		return false
	}
	m, err := l.AcceptKey(id, key, nil)
	if err != nil {
		return false
	}
	if old, err := l.AcceptKey(id, s.Newest(id), nil); err != nil || old.Seen().Gen < m.Seen().Gen {
		s.keys[id] = append(s.keys[id], key)
	}
	return true
}

// Keys answers with the device-keys of a user's devices. An evil server would rather have an older one in use.
func (s *Server) Keys(user string) map[device.ID][]byte {
	keys := map[device.ID][]byte{}
	for _, r := range s.verified[user].Active() {
		all := s.keys[r.ID()]
		if len(all) == 0 {
			continue
		}
		back := 0
		if s.Evil && len(all) > 1 {
			back = s.Choose("device-keys that are hidden", len(all))
		}
		keys[r.ID()] = all[len(all)-1-back]
	}
	return keys
}

// Serve answers with the log of user from an entry on, or with what an evil server would rather have it to be.
func (s *Server) Serve(user string, from uint64) [][]byte {
	log := s.logs[user]
	if s.Evil {
		log = s.lie(user)
	}
	if from >= uint64(len(log)) {
		return nil
	}
	return slices.Clone(log[from:])
}

func (s *Server) lie(user string) [][]byte {
	log, branch := s.logs[user], s.branches[user]
	if branch != nil && s.Choose("serve the branch", 2) == 1 {
		s.Trace("the server serves the branch of %s", user)
		return branch
	}
	switch s.Choose("lie", 5) {
	case 1: // an old state
		s.Trace("the server hides the end of the log of %s", user)
		return log[:len(log)-s.Choose("entries that are hidden", len(log))]
	case 2: // somebody else's
		s.Trace("the server serves another log for that of %s", user)
		return s.logs[s.users[s.Choose("whose log", len(s.users))]]
	case 3:
		s.Trace("the server alters the log of %s", user)
		return altered(log, s.Choose("entry that is altered", len(log)), s.Choose("byte that is altered", 1024))
	case 4:
		s.Trace("the server leaves an entry of %s out", user)
		at := s.Choose("entry that is left out", len(log))
		return append(slices.Clone(log[:at]), log[at+1:]...)
	}
	return log
}

// altered is the log with one bit of one entry turned.
func altered(log [][]byte, entry, at int) [][]byte {
	lied := slices.Clone(log)
	lied[entry] = bytes.Clone(lied[entry])
	lied[entry][at%len(lied[entry])] ^= 1
	return lied
}
