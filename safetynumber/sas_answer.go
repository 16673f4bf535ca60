package safetynumber

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sas"
)

// SASStrings is what both people see, in two forms of the same bits: one of them is enough.
type SASStrings struct {
	Emoji    [7]Emoji
	Decimals [3]int // 1,000 to 9,191
}

// Strings returns what is to be compared. Before SASShown it is fault.Misuse, after the end fault.Expired.
func (s *SAS) Strings() (strings SASStrings, err error) {
	err = s.shownNow(func() error {
		for i, n := range s.shown.Emoji() {
			strings.Emoji[i] = emoji[n]
		}
		strings.Decimals = s.shown.Decimals()
		return nil
	})
	return strings, err
}

// Confirm says for the person here that both see the same. The message tells the other device, and proves that this one
// holds the same. Before SASShown, and twice, it is fault.Misuse; after the end fault.Expired.
func (s *SAS) Confirm() (message []byte, err error) {
	err = s.shownNow(func() error {
		kind := sas.ResponderConfirm
		if s.initiator {
			kind = sas.InitiatorConfirm
		}
		if s.state == SASConfirmed {
			return fmt.Errorf("safetynumber: SAS: confirmed already: %w", fault.Misuse)
		}
		mac, err := s.mac(kind)
		if err != nil {
			return err
		}
		if message, err = s.message(kind, mac); err != nil {
			return err
		}
		if s.state == SASPeerConfirmed {
			s.end(SASDone)
		} else {
			s.state = SASConfirmed
		}
		return nil
	})
	return message, err
}

// Deny says for the person here that the two see different things, which ends the attempt: somebody stands between, or the
// devices do not hold the same. Before SASShown it is fault.Misuse, after the end fault.Expired.
func (s *SAS) Deny() (message []byte, err error) {
	err = s.shownNow(func() error {
		s.end(SASDiffer)
		message, err = s.message(sas.Deny, nil)
		return err
	})
	return message, err
}

// shownNow calls f while both people compare.
func (s *SAS) shownNow(f func() error) error {
	if s == nil {
		return errEnded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.ended() {
		return errEnded
	}
	if s.state == SASWaiting {
		return fmt.Errorf("safetynumber: SAS: nothing to compare yet: %w", fault.Misuse)
	}
	return f()
}

// Cancel ends the attempt without a verdict. After the end it is fault.Expired.
func (s *SAS) Cancel() (message []byte, err error) {
	if s == nil {
		return nil, errEnded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.ended() {
		return nil, errEnded
	}
	s.end(SASAborted)
	return s.message(sas.Cancel, nil)
}
