package sim

import (
	"bytes"
	"slices"

	"github.com/sottokit/sotto/device"
)

// Server keeps the users' logs and device-keys. It takes an entry only where it fits the log as it stands, so of two that
// want one place the first one wins. An evil one lies when it is asked, but it has nobody's keys.
type Server struct {
	w        *World
	Evil     bool
	logs     map[string][][]byte // what honest servers serve
	verified map[string]*device.Log
	branches map[string][][]byte  // another log of the same root, made of what was signed beside the log
	parted   []device.Hash        // every entry that ever stood on a branch
	keys     map[device.ID][]byte // the newest device-key of each device
}

func newServer(w *World) *Server {
	return &Server{
		w: w, logs: map[string][][]byte{}, verified: map[string]*device.Log{}, branches: map[string][][]byte{},
		keys: map[device.ID][]byte{},
	}
}

func (s *Server) receive(p packet) {
	switch p.kind {
	case post:
		s.post(p.user, p.entries[0])
	case publish:
		s.publish(p.user, p.phone.id, p.entries[0])
		return
	}
	answer := packet{phone: p.phone, kind: served, user: p.user, from: p.from, id: p.id}
	answer.entries = s.serve(p.user, p.from)
	answer.keys = s.keysOf(p.user)
	s.w.Net.send(answer)
}

// post appends an entry where it fits. What does not, an evil server keeps for its branch.
func (s *Server) post(user string, entry []byte) {
	log := s.logs[user]
	if longer, ok := extended(user, s.verified[user], entry); ok {
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
			s.w.Trace("the server parts the log of %s at entry %d", user, n)
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

// publish keeps the newest device-key of a device that is in the log.
func (s *Server) publish(user string, id device.ID, key []byte) {
	m, err := s.verified[user].AcceptKey(id, key, nil)
	if err != nil {
		return
	}
	if old, err := s.verified[user].AcceptKey(id, s.keys[id], nil); err != nil || old.Seen().Gen < m.Seen().Gen {
		s.keys[id] = key
	}
}

func (s *Server) keysOf(user string) map[device.ID][]byte {
	keys := map[device.ID][]byte{}
	for _, r := range s.verified[user].Active() {
		if key := s.keys[r.ID()]; key != nil {
			keys[r.ID()] = key
		}
	}
	return keys
}

// serve answers with the log of user from an entry on, or with what an evil server would rather have it to be.
func (s *Server) serve(user string, from uint64) [][]byte {
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
	if branch != nil && s.w.Choose("serve the branch", 2) == 1 {
		s.w.Trace("the server serves the branch of %s", user)
		return branch
	}
	switch s.w.Choose("lie", 5) {
	case 1: // an old state
		s.w.Trace("the server hides the end of the log of %s", user)
		return log[:len(log)-s.w.Choose("entries that are hidden", len(log))]
	case 2: // somebody else's
		s.w.Trace("the server serves another log for that of %s", user)
		return s.logs[s.w.users[s.w.Choose("whose log", len(s.w.users))].Name]
	case 3:
		s.w.Trace("the server alters the log of %s", user)
		return altered(log, s.w.Choose("entry that is altered", len(log)), s.w.Choose("byte that is altered", 1024))
	case 4:
		s.w.Trace("the server leaves an entry of %s out", user)
		at := s.w.Choose("entry that is left out", len(log))
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
