package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sottokit/sotto/examples/chat/relay"
)

// computer is where somebody runs chat, with one account.
type computer struct {
	testing.TB
	url  string
	file string
}

func newRelay(t testing.TB) (url string) {
	t.Helper()
	t.(*testing.T).Setenv("CHAT_PASSWORD", "a password for tests only")
	s, err := relay.Open(filepath.Join(t.TempDir(), "relay.db"), "chat-relay")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

func newComputer(t testing.TB, url string) *computer {
	return &computer{t, url, filepath.Join(t.TempDir(), "chat.db")}
}

// chat runs a command as a shell would.
func (c *computer) chat(stdin string, args ...string) (code int, stdout, stderr string) {
	c.Helper()
	var out, errOut bytes.Buffer
	all := append([]string{args[0], "-relay", c.url, "-file", c.file}, args[1:]...)
	code = run(c.Context(), all, strings.NewReader(stdin), &out, &errOut)
	return code, out.String(), errOut.String()
}

// ok runs what must succeed, and returns what it printed.
func (c *computer) ok(args ...string) string {
	c.Helper()
	code, stdout, stderr := c.chat("", args...)
	if code != 0 || stderr != "" {
		c.Fatalf("%v: exit code %d, stderr %q", args, code, stderr)
	}
	return stdout
}

// field returns what stands behind a name in an output.
func (c *computer) field(stdout, name string) string {
	c.Helper()
	for line := range strings.Lines(stdout) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	c.Fatalf("no %q in %q", name, stdout)
	return ""
}

// shows checks that an output has each of some texts.
func (c *computer) shows(stdout string, want ...string) {
	c.Helper()
	for _, text := range want {
		if !strings.Contains(stdout, text) {
			c.Errorf("no %q in %q", text, stdout)
		}
	}
}

// program is a command that runs beside the test. What it prints is waited for.
type program struct {
	*computer
	keys  *io.PipeWriter
	lines chan string // that it printed
	shown strings.Builder
	ended chan int

	interrupt func() // Ctrl-C
}

func (c *computer) start(args ...string) *program {
	stdin, keys := io.Pipe()
	screen, stdout := io.Pipe()
	ctx, interrupt := context.WithCancel(c.Context())
	p := &program{computer: c, keys: keys, lines: make(chan string, 1000), ended: make(chan int, 1), interrupt: interrupt}
	all := append([]string{args[0], "-relay", c.url, "-file", c.file}, args[1:]...)
	go func() {
		code := run(ctx, all, stdin, stdout, stdout)
		stdin.Close()
		stdout.Close()
		p.ended <- code
	}()
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(screen); in.Scan(); {
			p.lines <- in.Text()
		}
	}()
	return p
}

// until reads what is printed up to a line that begins like this, and returns that.
func (p *program) until(begin string) string {
	p.Helper()
	for line := range p.lines {
		p.shown.WriteString(line + "\n")
		if strings.HasPrefix(line, begin) {
			return line
		}
	}
	p.Fatalf("no %q in %q", begin, p.shown.String())
	return ""
}

func (p *program) types(line string) {
	p.Helper()
	if _, err := io.WriteString(p.keys, line+"\n"); err != nil {
		p.Error(err)
	}
}

// ends reads the rest, and returns all that was printed.
func (p *program) ends(code int) string {
	p.Helper()
	for line := range p.lines {
		p.shown.WriteString(line + "\n")
	}
	if got := <-p.ended; got != code {
		p.Errorf("exit code %d, want %d: %q", got, code, p.shown.String())
	}
	return p.shown.String()
}

// joins has a computer join by the code that a program shows, as far as the digits.
func (p *program) joins(next *computer, answer string) (join *program) {
	p.Helper()
	code := strings.TrimPrefix(p.until("code "), "code ")
	join = next.start("join")
	join.types(code)
	join.until("Join the account alice?")
	join.types(answer)
	return join
}

// confirms types the digits that the computer shows which joins.
func (p *program) confirms(join *program) {
	p.Helper()
	digits := strings.TrimSpace(strings.TrimPrefix(join.until("digits "), "digits "))
	p.until("whoever asks you for this code wants your messages")
	p.types(digits[:3] + " " + digits[3:])
}

// links makes a computer a further one of the user's, and returns what was printed on both.
func (c *computer) links(next *computer, history string) (shown, joined string) {
	c.Helper()
	link := c.start("link", history)
	join := link.joins(next, "yes")
	link.confirms(join)
	return link.ends(0), join.ends(0)
}

func TestCommandsLetTwoUsersWithThreeDevicesTalk(t *testing.T) {
	url := newRelay(t)
	phone, laptop, bob := newComputer(t, url), newComputer(t, url), newComputer(t, url)
	root := phone.field(phone.ok("create", "alice"), "root")
	bob.ok("create", "bob")
	bob.shows(bob.ok("trust", "alice"), root)
	phone.ok("trust", "bob")
	bob.ok("send", "alice", "hello", "there")
	phone.shows(phone.ok("receive"), "bob: hello there\n")
	if again := phone.ok("receive"); again != "" {
		t.Errorf("shown again: %q", again)
	}

	shown, joined := phone.links(laptop, "sessions")
	phone.shows(shown, "-- alice has another device")
	laptop.shows(joined, "history sessions\n")
	laptop.shows(joined+laptop.ok("receive"), "-- bob is a contact of yours")
	bob.shows(bob.ok("send", "alice", "to both"), "-- alice has another device")
	phone.shows(phone.ok("receive"), "bob: to both\n")
	laptop.shows(laptop.ok("receive"), "bob: to both\n")
	list := laptop.ok("devices", "bob")
	if strings.Count(list, "alice") != 2 || strings.Count(list, "bob") != 1 || strings.Count(list, "(this one)") != 1 {
		t.Errorf("devices: %q", list)
	}

	own, _, _ := strings.Cut(phone.ok("devices"), " ") // the phone is the first one
	laptop.shows(laptop.ok("revoke", own), "-- alice has a device less: "+own)
	bob.ok("send", "alice", "to the laptop")
	laptop.shows(laptop.ok("receive"), "bob: to the laptop\n")
	if out := phone.ok("receive"); strings.Contains(out, "to the laptop") || !strings.Contains(out, "a device less: "+own) {
		t.Errorf("the revoked phone shows %q", out)
	}
	if code, _, stderr := phone.chat("", "send", "bob", "still here"); code != 1 || !strings.Contains(stderr, "revoked") {
		t.Errorf("the revoked phone writes: %d, %q", code, stderr)
	}

	var r map[string]any
	out := laptop.ok("report")
	if err := json.Unmarshal([]byte(out), &r); err != nil || r["Active"] != true || strings.Contains(out, "bob") {
		t.Errorf("report: %v, %q", err, out)
	}
}

// What is typed is sent line by line, and what comes meanwhile is shown.
func TestTalkSendsAndShows(t *testing.T) {
	url := newRelay(t)
	alice, bob := newComputer(t, url), newComputer(t, url)
	alice.ok("create", "alice")
	bob.ok("create", "bob")
	alice.ok("trust", "bob")
	bob.ok("trust", "alice")
	if code, stdout, stderr := bob.chat("one\n\ntwo\n", "talk", "alice"); code != 0 || stdout+stderr != "" {
		t.Fatalf("%d, %q, %q", code, stdout, stderr)
	}
	alice.shows(alice.ok("receive"), "bob: one\n", "bob: two\n")

	typed, keyboard := io.Pipe()
	shown, screen := io.Pipe()
	done := make(chan int, 1)
	go func() {
		var stderr bytes.Buffer
		done <- run(t.Context(), []string{"talk", "-relay", url, "-file", alice.file, "bob"}, typed, screen, &stderr)
		_ = screen.Close()
	}()
	bob.ok("send", "alice", "while she types")
	line := make([]byte, 1<<10)
	n, err := shown.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), "bob: while she types") {
		t.Errorf("shown: %q, %v", line[:n], err)
	}
	if _, err := keyboard.Write([]byte("I am here\n")); err != nil {
		t.Error(err)
	}
	_ = keyboard.Close()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	bob.shows(bob.ok("receive"), "alice: I am here\n")
}

func TestRelayCommandServesUntilItIsEnded(t *testing.T) {
	t.Setenv("CHAT_PASSWORD", "a password for tests only")
	ctx, end := context.WithCancel(t.Context())
	shown, screen := io.Pipe()
	done := make(chan int, 1)
	db := filepath.Join(t.TempDir(), "relay.db")
	go func() {
		done <- run(ctx, []string{"relay", "-file", db, "-listen", "127.0.0.1:0"}, nil, screen, io.Discard)
	}()
	line := make([]byte, 1<<10)
	n, err := shown.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	_, url, _ := strings.Cut(strings.TrimSpace(string(line[:n])), "relay at ")
	newComputer(t, url).ok("create", "alice")
	end()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestCommandsTellWhatIsWrong(t *testing.T) {
	url := newRelay(t)
	alice := newComputer(t, url)
	alice.ok("create", "alice")
	for _, args := range [][]string{
		{"create", "again"}, {"trust", "nobody"}, {"send", "nobody", "text"}, {"talk", "nobody"},
		{"link", "everything"}, {"revoke", "no device"}, {"devices", "nobody"},
		{"revoke", "00000000000000000000000000000000"},
	} {
		code, stdout, stderr := alice.chat("", args...)
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "chat: ") {
			t.Errorf("%v: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
	for _, args := range [][]string{
		{"bogus"}, {"create"}, {"create", "a", "b"}, {"trust"}, {"send", "alice"}, {"devices", "a", "b"}, {"receive", "more"}, {"link"}, {"join", "1234-123456789"},
		{"receive", "-bogus"},
	} {
		if code, stdout, stderr := alice.chat("", args...); code != 2 || stdout != "" || !strings.Contains(stderr, "sage") {
			t.Errorf("%v: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
	t.Setenv("CHAT_PASSWORD", "another password")
	if code, _, stderr := alice.chat("", "receive"); code != 1 || !strings.Contains(stderr, "wrong password") {
		t.Errorf("wrong password: %d, %q", code, stderr)
	}
	t.Setenv("CHAT_PASSWORD", "")
	if code, _, _ := alice.chat("", "receive"); code != 1 {
		t.Errorf("no password: %d", code)
	}
	nowhere := newComputer(t, "http://127.0.0.1:0")
	t.Setenv("CHAT_PASSWORD", "a password for tests only")
	if code, _, _ := nowhere.chat("", "create", "carol"); code != 1 {
		t.Errorf("no relay: %d", code)
	}
	nowhere.url = url
	nowhere.ok("receive") // the account was made, and is now published
	alice.ok("trust", "carol")
}

// What somebody else sends cannot do anything to the terminal.
func TestTerminalIsSafeFromMessages(t *testing.T) {
	url := newRelay(t)
	alice, bob := newComputer(t, url), newComputer(t, url)
	alice.ok("create", "alice")
	bob.ok("create", "bob\u202e")
	bob.ok("trust", "alice")
	alice.ok("trust", "bob\u202e")
	bob.ok("send", "alice", "\x1b[2Jgone\n-- alice has another device")
	out := alice.ok("receive")
	if strings.ContainsAny(out, "\x1b\u202e") || strings.Count(out, "\n") != 1 {
		t.Errorf("%q", out)
	}
}
