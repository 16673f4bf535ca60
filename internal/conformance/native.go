package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// nativeFile is a file with values of sotto's own protocol, section by section. Its devices, the log of one user and a
// session are what the other sections refer to.
type nativeFile struct {
	devices map[string]*nativeDevice
	log     nativeLog
	session nativeSession
	answer  nativeAnswer
	groupID octets // nil when the file has no group
}

// nativeSections are the sections in the order in which they run: each has a driver, or a reason why it has none. The list
// is written nowhere.
var nativeSections = []struct {
	name string
	run  func(n *nativeFile, s *suite, section []byte) error // an error says that the section is not of the expected form
	skip string
}{
	{name: "devices", run: (*nativeFile).runDevices},
	{name: "device_log", run: (*nativeFile).runLog},
	{name: "registration", run: (*nativeFile).runRegistration},
	{name: "backup", run: (*nativeFile).runBackup},
	{name: "session", run: (*nativeFile).runSession},
	{name: "session_suite2", run: (*nativeFile).runSuite2},
	{name: "messages", run: (*nativeFile).runMessages},
	{name: "padded_length_of_plaintext_length", run: (*nativeFile).runPadding},
	{name: "group", run: (*nativeFile).runGroup},
	{name: "link", run: (*nativeFile).runLink},
	{name: "link_cpace", run: (*nativeFile).runLinkCode},
	{name: "safety_number", run: (*nativeFile).runNumbers},
	{name: "rejected_in_the_study", skip: "names without values"},
}

// native drives values of the native protocol. A section that is unknown is skipped, one that is missing is a failure.
func native(s *suite, file []byte) error {
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(file, &sections); err != nil {
		return err
	}
	n, err := readNative(file)
	if err != nil {
		return err
	}
	delete(sections, "note") // about the file
	for _, section := range nativeSections {
		content, ok := sections[section.name]
		delete(sections, section.name)
		switch {
		case ok && section.run == nil:
			s.check(section.name, func() (string, error) { return "", skip(section.skip) })
		case ok:
			if err := section.run(n, s, content); err != nil {
				return fmt.Errorf("%s: %w", section.name, err)
			}
		case section.run != nil:
			return fmt.Errorf("%s is missing", section.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		s.check(name, func() (string, error) { return "", skip("unknown section") })
	}
	return nil
}

func readNative(file []byte) (*nativeFile, error) {
	var form struct {
		Devices map[string]json.RawMessage `json:"devices"`
		Log     nativeLog                  `json:"device_log"`
		Session nativeSession              `json:"session"`
		Answer  nativeAnswer               `json:"registration"`
		Group   struct {
			ID octets `json:"group_id,omitempty"`
		} `json:"group,omitempty"`
	}
	if err := decode(file, &form); err != nil {
		return nil, err
	}
	n := &nativeFile{map[string]*nativeDevice{}, form.Log, form.Session, form.Answer, form.Group.ID}
	for name, object := range form.Devices {
		d := &nativeDevice{}
		if err := decode(object, d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		n.devices[name] = d
	}
	return n, nil
}
