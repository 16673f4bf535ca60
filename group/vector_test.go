package group_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/envelope"
)

// octets are bytes in hexadecimal.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// vectors are section "group" of native_v2.json, and the logs that it needs.
type vectors struct {
	Group struct {
		Create    octets `json:"create"`
		AddBob    octets `json:"add_bob"`
		BobAdmin  octets `json:"bob_admin"`
		ID        octets `json:"group_id"`
		Head      octets `json:"head"`
		Size      int    `json:"entry_bytes"`
		Statement octets `json:"statement_cose_sign1"`
	} `json:"group"`
	Log struct {
		Root octets `json:"root"`
		Add  octets `json:"add_laptop"`
	} `json:"device_log"`
	Session struct {
		Statement octets `json:"statement_cose_sign1"`
	} `json:"session"`
}

func readVectors(t testing.TB) *vectors {
	t.Helper()
	file, err := os.ReadFile("../internal/conformance/testdata/vectors/native_v2.json")
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{}
	if err := json.Unmarshal(file, v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *vectors) entries() [][]byte {
	return [][]byte{v.Group.Create, v.Group.AddBob, v.Group.BobAdmin}
}

// logs has alice's log, who signed everything.
func (v *vectors) logs(t testing.TB) group.Logs {
	t.Helper()
	log, err := device.Verify(alice, [][]byte{v.Log.Root, v.Log.Add})
	if err != nil {
		t.Fatal(err)
	}
	return func(user string, root device.Hash) *device.Log {
		if user != alice || root != log.Pin().Root {
			return nil
		}
		return log
	}
}

func TestPublishedGroup(t *testing.T) {
	v := readVectors(t)
	s, err := group.Verify(device.Hash(v.Group.ID), v.entries(), v.logs(t))
	if err != nil {
		t.Fatal(err)
	}
	tip := s.Tip()
	if !bytes.Equal(tip[:], v.Group.Head) || s.Epoch() != 2 || s.Status() != group.Active || len(v.Group.AddBob) != v.Group.Size {
		t.Errorf("tip %v, epoch %d, %v", tip, s.Epoch(), s.Status())
	}
	statement, err := envelope.ParseSigned(v.Group.Statement)
	if err != nil {
		t.Fatal(err)
	}
	if statement.Conversation != [32]byte(s.ID()) || statement.Epoch != s.Epoch() || *statement.State != [32]byte(tip) {
		t.Error("the published statement names another group, epoch or entry")
	}
	members := s.Members()
	if len(members) != 2 || len(statement.Heads) != 2 {
		t.Fatalf("members are %v", members)
	}
	for i, want := range []group.Member{{User: alice, Role: group.RoleOwner}, {User: bob, Role: group.RoleAdmin}} {
		want.Root = statement.Heads[i].Root
		if members[i] != want || statement.Heads[i].User != want.User {
			t.Errorf("member %d is %v, want %v", i, members[i], want)
		}
	}
	epoch, before, err := s.MembersAt(hashOf(v.Group.AddBob))
	if err != nil || epoch != 1 || len(before) != 2 || before[1].Role != group.RoleMember {
		t.Errorf("epoch %d, members %v: %v", epoch, before, err)
	}
	one, err := group.Verify(device.Hash(v.Group.ID), v.entries()[:1], v.logs(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range v.entries()[1:] {
		if one, err = one.Extend([][]byte{b}, v.logs(t)); err != nil {
			t.Fatal(err)
		}
	}
	if one.Tip() != s.Tip() {
		t.Error("entry by entry leads elsewhere")
	}
	kept, err := group.Resume(s.ID(), v.entries(), s.Side(), s.Heard())
	if err != nil || kept.Tip() != s.Tip() || len(kept.Members()) != 2 {
		t.Error(err)
	}
}
