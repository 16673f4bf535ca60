package session_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/session"
)

var wantFault = faulttest.Want

const (
	alice = "alice"
	bob   = "bob"
	carol = "carol"
)

// start is when everything begins.
var start = time.Unix(1_800_000_000, 0)

// world is everybody and what they have of each other: all know the same logs. Devices are named "user/device".
type world struct {
	testing.TB
	suite   device.Suite // of new devices
	logs    session.Logs
	devices map[string]*phone
	founder map[string]string // the first device of each user
}

// phone is a device and its newest messaging key as others have accepted it.
type phone struct {
	keys *device.Keys
	key  *device.MessagingKey
}

// newWorld has two devices of alice's and bob's each, and one of carol's.
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, device.Classical)
}

// inBothSuites runs a test in a new world of each.
func inBothSuites(t *testing.T, test func(t *testing.T, w *world)) {
	for name, suite := range map[string]device.Suite{"suite 1": device.Classical, "suite 2": device.Hybrid} {
		t.Run(name, func(t *testing.T) { test(t, newWorldOf(t, suite)) })
	}
}

func newWorldOf(t testing.TB, suite device.Suite) *world {
	t.Helper()
	w := &world{t, suite, session.Logs{}, map[string]*phone{}, map[string]string{}}
	for _, name := range []string{"alice/phone", "alice/laptop", "bob/phone", "bob/tablet", "carol/phone"} {
		w.add(name)
	}
	return w
}

// must is for results that cannot fail where it is used.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func userOf(name string) string {
	user, _, _ := strings.Cut(name, "/")
	return user
}

// add makes a device, which founds its user's log if it is the first one, and its messaging key.
func (w *world) add(name string) {
	w.Helper()
	user := userOf(name)
	keys := must(device.Generate(user, w.suite, start))
	w.devices[name] = &phone{keys: keys}
	if l := w.logs[user]; l == nil {
		root := must(keys.Found(nil, start))
		w.logs[user] = must(device.Verify(user, [][]byte{root}))
		w.founder[user] = name
		must(keys.Settle(w.logs[user]))
	} else {
		founder := w.devices[w.founder[user]].keys
		w.extend(founder, must(l.Add(founder, keys.Record(), start)))
	}
	w.rotate(name)
}

// extend puts an entry into the log of the device that signed it.
func (w *world) extend(by *device.Keys, entry []byte) {
	w.Helper()
	user := by.Record().User()
	w.logs[user] = must(w.logs[user].Extend([][]byte{entry}))
	must(by.Settle(w.logs[user]))
}

func (w *world) revoke(name string) {
	w.Helper()
	by := w.devices[w.founder[userOf(name)]].keys
	w.extend(by, must(w.logs[userOf(name)].Revoke(by, w.devices[name].keys.Record().ID(), start)))
}

// update gives a device a new record.
func (w *world) update(name string) {
	w.Helper()
	by := w.devices[name].keys
	w.extend(by, must(w.logs[userOf(name)].Update(by, w.suite, start.Add(time.Hour))))
}

// rotate gives a device a new messaging key.
func (w *world) rotate(name string) {
	w.Helper()
	p, l := w.devices[name], w.logs[userOf(name)]
	b := must(p.keys.Rotate(l, nil, start))
	p.key = must(l.AcceptKey(p.keys.Record().ID(), b, nil))
}

func (w *world) cert(name string) device.CertID { return w.devices[name].keys.Record().Cert() }

// members are users with the roots that everybody has pinned.
func (w *world) members(users ...string) []session.Member {
	w.Helper()
	var m []session.Member
	for _, u := range users {
		m = append(m, session.Member{User: u, Root: w.logs[u].Pin().Root})
	}
	return m
}

func (w *world) direct(users ...string) *session.Conversation {
	w.Helper()
	return must(session.Direct(w.members(users...)...))
}

// group is a group in an epoch, as package group would verify it. users ascend.
func (w *world) group(epoch uint64, users ...string) *session.Conversation {
	w.Helper()
	return &session.Conversation{
		ID: device.Hash{'g'}, Epoch: epoch, State: &device.Hash{'s', byte(epoch)}, Members: w.members(users...),
	}
}

func (w *world) begin(by string, c *session.Conversation) *session.Session {
	w.Helper()
	return must(session.Begin(w.devices[by].keys, c, session.DefaultPolicy(), nil, start, w.logs))
}

// names are the devices of users, in order.
func (w *world) names(users ...string) []string {
	var names []string
	for name := range w.devices {
		if slices.Contains(users, userOf(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) keysOf(names ...string) []*device.MessagingKey {
	var keys []*device.MessagingKey
	for _, n := range names {
		keys = append(keys, w.devices[n].key)
	}
	return keys
}

// sealed is a session in an envelope for devices.
func (w *world) sealed(s *session.Session, names ...string) []byte {
	w.Helper()
	return must(s.SealTo(w.keysOf(names...)...))
}

func (w *world) offer(at string, envelope []byte) *session.Offer {
	w.Helper()
	return must(session.OpenEnvelope(w.devices[at].keys, envelope))
}

// verify is what a device says to an envelope: all of the receiver's checks, a minute later.
func (w *world) verify(at string, envelope []byte, c *session.Conversation) (*session.Session, error) {
	w.Helper()
	o, err := session.OpenEnvelope(w.devices[at].keys, envelope)
	if err != nil {
		return nil, err
	}
	defer o.Destroy()
	return o.Verify(w.cert(at), c, start.Add(time.Minute), w.logs)
}

// take is a session that a device has from an envelope.
func (w *world) take(at string, envelope []byte, c *session.Conversation) *session.Session {
	w.Helper()
	return must(w.verify(at, envelope, c))
}

// text is content.
func text(body string) session.Content {
	return session.Content{ID: session.MessageID{'m'}, Sent: start, Type: "text/plain", Body: []byte(body)}
}

// write is a message that a device seals.
func (w *world) write(by string, s *session.Session, chains *session.Chains, body string) []byte {
	w.Helper()
	b, _, err := chains.Seal(nil, s, w.devices[by].keys, text(body))
	return must(b, err)
}
