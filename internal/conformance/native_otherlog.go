package conformance

import (
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
)

// logsAt are the logs of users as they were at heads. One user's log is in the file. That of another is made anew: as its
// first entries, without a recovery key, and at the same times, but by the other user's devices. Which of those came when is
// tried. What does not end at the head is another log than the file's author had, and nobody can read with it.
func (n *nativeFile) logsAt(heads []headForm) (session.Logs, error) {
	whole, _, err := n.verifyLogs()
	if err != nil {
		return nil, err
	}
	logs := session.Logs{}
	for _, h := range heads {
		l := whole
		if h.User != whole.User() {
			if l, err = n.remakeLog(h); err != nil {
				return nil, err
			}
		}
		if logs[h.User], err = l.At(h.Seq); err != nil {
			return nil, err
		}
		if err := same("log of "+h.User, logs[h.User].Pin(), h.pin()); err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// remakeLog makes a log of a root and of one device that the first one added, if there were two.
func (n *nativeFile) remakeLog(h headForm) (*device.Log, error) {
	const none = skip("the file has no log of a user, and none that follows from it ends where it must")
	var root, add entryForm
	_, err1 := readForm(n.log.Root, &root)
	_, err2 := readForm(n.log.Add, &add)
	if err1 != nil || err2 != nil || h.Seq > 1 {
		return nil, none
	}
	var devices []*nativeDevice
	for _, name := range slices.Sorted(maps.Keys(n.devices)) {
		if d := n.devices[name]; d.User == h.User {
			devices = append(devices, d)
		}
	}
	for _, first := range devices {
		entries, err := first.found(root.Issued)
		if err != nil {
			return nil, err
		}
		for _, second := range devices {
			if h.Seq == 1 && second != first {
				entry, err := first.add(entries[0], second, add.Issued)
				if err != nil {
					return nil, err
				}
				entries = append(entries[:1], entry)
			}
			if l, err := device.Verify(h.User, entries); err == nil && l.Pin() == h.pin() {
				return l, nil
			}
		}
	}
	return nil, none
}

// found begins a log without a recovery key.
func (d *nativeDevice) found(issued uint64) ([][]byte, error) {
	root, err := signForm(d.Seed, d.Cert, entryForm{
		User: d.User, Prev: make([]byte, len(device.Hash{})), Arg: (*[]byte)(&d.Record), Issued: issued,
	})
	return [][]byte{root}, err
}

// add makes the entry that adds a second device.
func (d *nativeDevice) add(root []byte, second *nativeDevice, issued uint64) ([]byte, error) {
	return signForm(d.Seed, d.Cert, entryForm{
		User: d.User, Seq: 1, Prev: hashOf(root), Op: 1, Arg: (*[]byte)(&second.Record), Issued: issued,
	})
}
