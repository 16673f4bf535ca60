package relay

import "github.com/sottokit/sotto/device"

// Bell is closed when mail comes for a device.
func (s *Server) Bell(id device.ID) <-chan struct{} { return s.bell(id) }
