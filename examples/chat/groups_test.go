package main

import (
	"io"
	"strings"
	"testing"
)

// trusting makes users who trust each other.
func trusting(t *testing.T, users ...string) (all []*computer) {
	t.Helper()
	url := newRelay(t)
	for _, user := range users {
		c := newComputer(t, url)
		c.ok("create", user)
		all = append(all, c)
	}
	for i, c := range all {
		for j, user := range users {
			if i != j {
				c.ok("trust", user)
			}
		}
	}
	return all
}

// types types lines while somebody talks, and returns what the screen shows.
func (c *computer) types(where string, lines ...string) string {
	c.Helper()
	code, stdout, stderr := c.chat(strings.Join(lines, "\n"), "talk", where)
	if code != 0 || stderr != "" {
		c.Fatalf("%q: exit code %d, stderr %q", lines, code, stderr)
	}
	return stdout
}

// refuses types a line that is not obeyed.
func (c *computer) refuses(where, line, want string) {
	c.Helper()
	code, _, stderr := c.chat(line, "talk", where)
	if code != 0 || !strings.HasPrefix(stderr, "chat: not ") || !strings.Contains(stderr, want) {
		c.Errorf("%q: exit code %d, stderr %q", line, code, stderr)
	}
}

func TestThreeTalkInAGroupThatChanges(t *testing.T) {
	all := trusting(t, "alice", "bob", "carol", "dave")
	alice, bob, carol, dave := all[0], all[1], all[2], all[3]
	club := alice.field(alice.ok("group", "bob", "carol"), "group")
	alice.types(club, "hello, all")
	bob.shows(bob.ok("receive"), "-- "+club+" is a group that you are in now\n", club+" alice: hello, all\n")
	bob.types(club, "hello, alice and carol")
	alice.shows(alice.ok("receive"), club+" bob: hello, alice and carol\n")
	carol.shows(carol.ok("receive"), club+" alice: hello, all\n", club+" bob: hello, alice and carol\n")
	carol.shows(carol.ok("groups"), club+"  active: alice, bob, carol\n")
	if n := strings.Count(carol.ok("devices", club), "\n"); n != 3 {
		t.Errorf("%d devices", n)
	}

	alice.shows(alice.types(club, "/remove carol", "she reads this no more"), "-- "+club+" alice takes out carol\n")
	bob.shows(bob.ok("receive"), "alice takes out carol\n", club+" alice: she reads this no more\n")
	out := carol.ok("receive")
	carol.shows(out, "-- "+club+" alice takes out carol\n")
	if strings.Contains(out, "no more") {
		t.Errorf("carol reads %q", out)
	}
	carol.refuses(club, "am I in?", "no member")
	carol.refuses(club, "/add dave", "")

	alice.types(club, "/admin bob")
	bob.shows(bob.types(club, "/add dave carol", "welcome"), "alice makes bob admin\n", "bob adds dave\n", "bob adds carol\n")
	dave.shows(dave.ok("receive"), club+" bob: welcome\n")
	carol.shows(carol.ok("receive"), "bob adds carol\n", club+" bob: welcome\n")
	bob.refuses(club, "/remove alice", "")
	alice.types(club, "/admin bob")
	bob.refuses(club, "/remove dave", "")
	dave.shows(dave.types(club, "/leave"), "dave takes out dave\n")

	alice.types(club, "/transfer bob")
	bob.shows(bob.ok("receive"), "dave takes out dave\n", "alice hands the group over to bob\n")
	bob.shows(bob.types(club, "/members"), "owner   bob (you)\n", "admin   alice (unverified)\n", "member  carol (unverified)\n")
	for _, line := range []string{"/", "/add", "/remove", "/admin", "/transfer", "/leave now", "/members all", "/bogus"} {
		bob.refuses(club, line, "/add USER")
	}
	for _, name := range []string{"@", "@00000000", "@zz", club + "0123456789"} {
		if code, _, stderr := bob.chat("", "talk", name); code != 1 || !strings.HasPrefix(stderr, "chat: ") {
			t.Errorf("%s: %d, %q", name, code, stderr)
		}
	}
}

// What one does the others see while they talk.
func TestOthersAreToldWhileTheyTalk(t *testing.T) {
	all := trusting(t, "alice", "bob")
	alice, bob := all[0], all[1]
	club := alice.field(alice.ok("group", "bob"), "group")
	bob.ok("receive")
	typed, keyboard := io.Pipe()
	shown, screen := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(t.Context(), []string{"talk", "-relay", bob.url, "-file", bob.file, club}, typed, screen, io.Discard)
		_ = screen.Close()
	}()
	alice.types(club, "/admin bob")
	line := make([]byte, 1<<10)
	n, err := shown.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), "alice makes bob admin") {
		t.Errorf("shown: %q, %v", line[:n], err)
	}
	_ = keyboard.Close()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestNumbersAreComparedByWhoHearsThem(t *testing.T) {
	all := trusting(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	number := alice.field(alice.ok("verify", "bob"), "number")
	if bobs := bob.field(bob.ok("verify", "alice"), "number"); bobs != number {
		t.Errorf("alice sees %s, bob %s", number, bobs)
	}
	other := carol.field(carol.ok("verify", "bob"), "number")
	for _, digits := range []string{other, number[:59], number + " 00000"} {
		code, stdout, stderr := alice.chat("", append([]string{"verify", "bob"}, strings.Fields(digits)...)...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "differ") {
			t.Errorf("%s: %d, %q, %q", digits, code, stdout, stderr)
		}
	}
	alice.shows(alice.ok(append([]string{"verify", "bob"}, strings.Fields(number)...)...), "-- bob is verified\n")

	club := alice.field(alice.ok("group", "bob", "carol"), "group")
	alice.shows(alice.types(club, "/members"), "member  bob (verified)\n", "member  carol (unverified)\n")
	bob.ok("receive")
	bob.shows(bob.types(club, "/verify alice "+number, "/members"), "-- alice is verified\n", "owner   alice (verified)\n")
	shown := alice.field(alice.types(club, "/verify"), "number")
	if bobs := bob.field(bob.types(club, "/verify"), "number"); bobs != shown {
		t.Errorf("alice sees %s, bob %s", shown, bobs)
	}
}
