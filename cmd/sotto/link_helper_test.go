package main

import (
	"context"
	"io"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A test of links has a device of alice's, phone, and runs link approve and link new side by side. Time goes on when the
// test says so.
type links struct {
	*devices
	clock   clock
	channel []string // the flags of one

	mu  sync.Mutex
	now time.Time
}

// newLinks makes the phone. The laptop is to be linked.
func newLinks(t testing.TB) *links {
	t.Helper()
	dir := t.TempDir()
	d := &devices{cli{TB: t}, dir, filepath.Join(dir, "phone"), filepath.Join(dir, "laptop")}
	d.with("pw").ok(append([]string{"device", "new", d.phone, "--user", "alice"}, cheap...)...)
	d.with()
	write(t, filepath.Join(dir, "secrets"), []byte("pw"))
	l := &links{devices: d, now: time.Now()}
	l.clock = clock{l.time, func(context.Context) { runtime.Gosched() }}
	return l
}

func (l *links) time() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *links) later(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

// byFolder makes a folder the channel.
func (l *links) byFolder() *links {
	dir := l.TempDir()
	l.channel = []string{"--channel", dir}
	return l
}

// byRelay makes a relay the channel, whose answers wait so long for a message.
func (l *links) byRelay(wait time.Duration) *links {
	server := httptest.NewServer(newRelay(l.time, wait).handler())
	l.Cleanup(server.Close)
	l.channel = []string{"--relay", server.URL}
	return l
}

// approve and new run the commands.
func (l *links) approve(args ...string) *side {
	l.Helper()
	return l.start(append([]string{"link", "approve", l.phone}, args...)...)
}

func (l *links) join(args ...string) *side {
	l.Helper()
	args = append([]string{"link", "new", l.laptop, "--log", l.phone}, args...)
	return l.start(append(args, cheap...)...)
}

// side is a program that runs beside the test.
type side struct {
	testing.TB
	in        *io.PipeWriter
	out, err  *watched
	interrupt func()
	ended     chan int
}

func (l *links) start(args ...string) *side {
	l.Helper()
	args = append(args, "--secrets", filepath.Join(l.dir, "secrets"))
	args = append(args, l.channel...)
	ctx, cancel := context.WithCancel(l.Context())
	stdin, typed := io.Pipe()
	s := &side{l.TB, typed, newWatched(), newWatched(), cancel, make(chan int, 1)}
	go func() {
		code := runBy(ctx, l.clock, args, stdin, s.out, s.err)
		stdin.Close()
		s.out.end()
		s.err.end()
		s.ended <- code
	}()
	l.Cleanup(cancel)
	return s
}

// types types a line, once the program asks for it.
func (s *side) types(what, line string) {
	s.Helper()
	s.err.wait(s, what+": ")
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.Errorf("%v:\n%s", err, s.err.text())
	}
}

// prints waits for a line of the output, and returns what is behind its name.
func (s *side) prints(name string) string {
	s.Helper()
	return field(s, s.out.wait(s, "\n"+name+" "), name)
}

// ends waits for the end, with an exit code, and returns what was printed and what was told.
func (s *side) ends(code int) (stdout, stderr string) {
	s.Helper()
	if got := <-s.ended; got != code {
		s.Errorf("exit code %d, want %d:\n%s", got, code, s.err.text())
	}
	return s.out.text(), s.err.text()
}

// fails waits for an end with exit code 1 and a reason.
func (s *side) fails(reason string) {
	s.Helper()
	if _, told := s.ends(1); !strings.Contains(told, reason) {
		s.Errorf("not told %q:\n%s", reason, told)
	}
}

// watched is an output that can be waited for.
type watched struct {
	mu      sync.Mutex
	printed strings.Builder
	ended   bool
	more    chan struct{} // closed when there is more, or the end
}

func newWatched() *watched { return &watched{more: make(chan struct{})} }

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.printed.Write(b)
	close(w.more)
	w.more = make(chan struct{})
	return len(b), nil
}

func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	close(w.more)
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.printed.String()
}

// wait returns the output once it holds something: a line that began with it must be complete.
func (w *watched) wait(t testing.TB, what string) string {
	t.Helper()
	for {
		w.mu.Lock()
		printed, ended, more := "\n"+w.printed.String(), w.ended, w.more
		w.mu.Unlock()
		if _, rest, found := strings.Cut(printed, what); found && (what[0] != '\n' || strings.Contains(rest, "\n")) {
			return printed
		}
		if ended {
			t.Fatalf("no %q:%s", what, printed)
		}
		<-more
	}
}
