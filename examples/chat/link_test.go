package main

import (
	"strings"
	"testing"
)

// A device is linked in the middle of a conversation, and reads what is said from then on.
func TestTalkLinksADevice(t *testing.T) {
	url := newRelay(t)
	phone, laptop, bob := newComputer(t, url), newComputer(t, url), newComputer(t, url)
	phone.ok("create", "alice")
	bob.ok("create", "bob")
	bob.ok("trust", "alice")
	phone.ok("trust", "bob")
	talk := phone.start("talk", "bob")
	talk.types("/link")
	talk.until("chat: not done: say what the new device gets")
	talk.types("/link nothing")
	join := talk.joins(laptop, "yes")
	talk.confirms(join)
	join.ends(0)
	talk.until("-- alice has another device")
	talk.types("from the phone")
	talk.keys.Close()
	talk.ends(0)
	laptop.ok("trust", "bob")
	bob.shows(bob.ok("receive"), "alice: from the phone\n")
	bob.ok("send", "alice", "to both")
	laptop.shows(laptop.ok("receive"), "bob: to both\n")
}

func TestLinkIsRefusedByEitherPerson(t *testing.T) {
	url := newRelay(t)
	phone, laptop := newComputer(t, url), newComputer(t, url)
	phone.ok("create", "alice")

	link := phone.start("link", "nothing")
	join := link.joins(laptop, "no")
	if out := join.ends(1); !strings.Contains(out, "refused") {
		t.Errorf("printed %q", out)
	}
	link.keys.Close() // it waits, and its time goes by
	link.interrupt()
	link.ends(1)

	link = phone.start("link", "nothing")
	join = link.joins(laptop, "yes")
	digits := join.until("digits ")
	link.types("12345")
	link.until("Six digits")
	link.types("")
	if out := link.ends(1); !strings.Contains(out, "refused, nothing was signed") || strings.Contains(out, digits) {
		t.Errorf("printed %q", out)
	}
	join.interrupt()
	join.ends(1)
	if out := phone.ok("devices"); strings.Count(out, "alice") != 1 {
		t.Errorf("devices: %q", out)
	}
}
