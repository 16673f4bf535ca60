package group_test

import (
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
)

// Alice makes a group and takes in bob. Whoever has the entries and alice's device log sees the same members.
func ExampleState_Propose() {
	now := time.Unix(1_800_000_000, 0)
	keys := must(device.Generate("alice", device.Classical, now))
	log := must(device.Verify("alice", [][]byte{must(keys.Found(nil, now))}))
	bob := device.Hash{1} // the first entry of his device log

	state, create, err := group.Create(keys, log, now)
	if err != nil {
		panic(err)
	}
	entries := must(state.Propose(keys, log, now, group.Add("bob", bob), group.SetRole("bob", group.RoleAdmin)))
	// The server takes them if nobody else was faster.

	logs := func(user string, root device.Hash) *device.Log {
		if user == "alice" && root == log.Pin().Root {
			return log
		}
		return nil
	}
	state = must(group.Verify(state.ID(), append([][]byte{create}, entries...), logs))
	for _, m := range state.Members() {
		fmt.Println(m.User, m.Role)
	}
	// Output:
	// alice owner
	// bob admin
}
