package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/session"
)

// nativeGroup is a group of the two users of the session: one makes it, adds the other one and makes him an admin. The
// statement is that of a session of the group.
type nativeGroup struct {
	Create octets `json:"create"`
	Add    octets `json:"add_bob"`
	Admin  octets `json:"bob_admin"`

	ID    octets `json:"group_id"`
	Nonce octets `json:"nonce"`
	Head  octets `json:"head"` // of the newest entry
	Size  int    `json:"entry_bytes"`

	Secret    octets `json:"session_secret"`
	SessionID octets `json:"session_id"`
	Statement octets `json:"statement_cose_sign1"`

	logs session.Logs // of both users
}

func (n *nativeFile) runGroup(s *suite, section []byte) error {
	v := &nativeGroup{}
	if err := decode(section, v); err != nil {
		return err
	}
	var f statementForm
	if _, err := readForm(v.Statement, &f); err != nil {
		return err
	}
	var err error
	if v.logs, err = n.logsAt(f.Heads); err != nil { // nobody can read without them
		s.check("group", func() (string, error) { return "", err })
		return nil
	}
	members := map[string]group.Member{}
	for i, e := range v.entries() {
		s.check("group entry "+e.name, func() (string, error) { return "", n.remakeGroupEntry(v, i, members) })
	}
	s.check("group", func() (string, error) { return "", v.checkState(members) })
	s.check("group: statement", func() (string, error) { return "", n.checkGroupStatement(v, f) })
	return nil
}

// namedEntry is an entry and what it does.
type namedEntry struct {
	name     string
	op, role uint64 // what the target becomes
	b        []byte
}

func (v *nativeGroup) entries() []namedEntry {
	return []namedEntry{
		{"create", groupentry.Create, groupentry.Owner, v.Create},
		{"add", groupentry.Add, groupentry.Plain, v.Add},
		{"admin", groupentry.Role, groupentry.Admin, v.Admin},
	}
}

// remakeGroupEntry makes entry i anew, by the device that signed it. Who that is, whom it is about and when it was made
// stands in the entry, everything else follows from the file and from the members so far, which it brings up to date.
func (n *nativeFile) remakeGroupEntry(v *nativeGroup, i int, members map[string]group.Member) error {
	entry := v.entries()[i]
	claim, err := groupentry.Parse(entry.b)
	if err != nil {
		return err
	}
	by, err := n.withCert(claim.Cert[:])
	if err != nil {
		return err
	}
	own := v.logs[by.User]
	if own == nil || claim.User == nil || v.logs[*claim.User] == nil {
		return errors.New("entry by or about a user without a log")
	}
	target, root := *claim.User, v.logs[*claim.User].Pin().Root
	e := &groupentry.Entry{
		Group: hashFrom(v.ID), Epoch: uint64(i), Op: entry.op, User: &target, Root: (*[32]byte)(&root),
		Seq: own.Pin().Seq, Head: own.Pin().Head, Issued: claim.Issued,
	}
	if i > 0 {
		e.Prev = hashOfEntry(v.entries()[i-1].b)
	}
	e.Role = &entry.role
	members[target] = group.Member{User: target, Root: root, Role: group.Role(entry.role)}
	e.Members = [32]byte(membersDigest(ascending(members)))
	if entry.op == groupentry.Create {
		nonce := [16]byte(deviceID(v.Nonce))
		e.Nonce, e.Group = &nonce, groupentry.ID(target, root, nonce)
	}
	keys, err := by.keys()
	if err != nil {
		return err
	}
	defer keys.Destroy()
	b, err := keys.SignGroupEntry(e)
	return errors.Join(err,
		equal("group ID made anew", e.Group[:], v.ID),
		equal("entry made anew", b, entry.b))
}

// ascending are members in the order of the digest.
func ascending(members map[string]group.Member) []group.Member {
	var all []group.Member
	for _, m := range members {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b group.Member) int { return bytes.Compare([]byte(a.User), []byte(b.User)) })
	return all
}

// state verifies the group with the logs of both users.
func (v *nativeGroup) state() (*group.State, group.Logs, error) {
	var logs []*device.Log
	for _, l := range v.logs {
		logs = append(logs, l)
	}
	s, err := group.Verify(hashFrom(v.ID), [][]byte{v.Create, v.Add, v.Admin}, logsFrom(logs))
	return s, logsFrom(logs), err
}

// checkState applies the entries.
func (v *nativeGroup) checkState(members map[string]group.Member) error {
	s, _, err := v.state()
	if err != nil {
		return err
	}
	tip := s.Tip()
	return errors.Join(
		equal("newest entry", tip[:], v.Head),
		same("epoch", s.Epoch(), 2),
		same("status", s.Status(), group.Active),
		same("size of an entry", len(v.Add), v.Size),
		sameGroupMembers(s, ascending(members)))
}

// checkGroupStatement makes the statement anew, has it read as that of a session of the group, and lets the group hear
// it.
func (n *nativeFile) checkGroupStatement(v *nativeGroup, f statementForm) error {
	s, logs, err := v.state()
	if err != nil {
		return err
	}
	kid, err := readForm(v.Statement, &f)
	if err != nil {
		return err
	}
	by, err := n.withCert(kid)
	if err != nil {
		return err
	}
	head := []byte(v.Head)
	f.Conversation, f.Epoch, f.State, f.Secret = v.ID, s.Epoch(), &head, v.Secret
	if f.Roster, err = v.roster(s); err != nil {
		return err
	}
	_, id, err1 := f.sessionID(kid)
	statement, err2 := f.sign(by.Seed, kid)
	err = errors.Join(err1, err2,
		equal("session ID made anew", id, v.SessionID),
		equal("statement made anew", statement, v.Statement))
	if err != nil {
		return err
	}
	state := s.Tip()
	conversation := &session.Conversation{ID: s.ID(), Epoch: s.Epoch(), State: &state}
	for _, m := range s.Members() {
		conversation.Members = append(conversation.Members, session.Member{User: m.User, Root: m.Root})
	}
	read, err := session.Shared(v.Statement, conversation, time.Unix(int64(f.Created), 0), v.logs)
	if err != nil {
		return err
	}
	defer read.Destroy()
	heard, err := s.Hear(by.User, read.Sender(), *read.State(), logs)
	if err != nil {
		return fmt.Errorf("heard: %w", err)
	}
	sid := read.ID()
	return errors.Join(
		equal("session ID", sid[:], v.SessionID),
		same("whether the statement moves the group", heard.Tip() != s.Tip() || heard.Status() != group.Active, false))
}

// roster is the hash of the devices of all members, as the logs are.
func (v *nativeGroup) roster(s *group.State) ([]byte, error) {
	var certs [][]byte
	for _, l := range v.logs {
		for _, r := range l.Active() {
			cert := r.Cert()
			certs = append(certs, cert[:])
		}
	}
	slices.SortFunc(certs, bytes.Compare)
	return rosterOf(v.ID, s.Epoch(), certs)
}
