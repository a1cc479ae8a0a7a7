package report

import (
	"fmt"
	"slices"
	"strings"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/stream"
)

// What there can be very many of is counted one by one up to a limit and
// together beyond it, under the name other. The limits bound the memory:
// about 2 KiB for each group, and 16 if its numbers are spread wide.
const (
	maxClasses  = 10_000
	maxNamed    = 5_000 // users, databases, processes, conversations
	maxPairs    = 20_000
	maxErrors   = 2_000
	maxFailures = 2_000
	// maxClass is how much of a class's text is kept.
	maxClass = 4096
	// maxExample is how much of an error's message is kept.
	maxExample = 512

	other = "(other)"
)

// maxGroups bounds the groups of each dimension. What is beyond is in the group
// rest.
var (
	maxGroups = [dimensions]int{maxClasses, maxNamed, maxNamed, maxNamed, maxNamed}
	rest      = [dimensions]groupKey{{Class: other}, {Name: other}, {Name: other}, {Name: other}, {Name: other}}
)

// A dimension is what exchanges can be grouped by.
type dimension int

const (
	ByClass dimension = iota
	ByUser
	ByDatabase
	ByProcess
	ByConnection
	dimensions
)

// Dimensions are the names that dimensions have on the command line.
var Dimensions = []string{"class", "user", "db", "process", "connection"}

// ParseDimension returns the dimension of a name.
func ParseDimension(name string) (dimension, error) {
	i := slices.Index(Dimensions, name)
	if i < 0 {
		return 0, fmt.Errorf("nothing to group by is called %q (there are %s)", name, strings.Join(Dimensions, ", "))
	}
	return dimension(i), nil
}

// AllDimensions is what NewSummary must be given for a report that is to be
// merged.
func AllDimensions() []dimension {
	return []dimension{ByClass, ByUser, ByDatabase, ByProcess, ByConnection}
}

// A Summary adds up a whole capture.
type Summary struct {
	Files []string
	Total Totals

	protocols map[string]*protocolSum
	groups    [dimensions]map[groupKey]*group // those not asked for are nil
	pairs     map[pairKey]*pairSum
	errors    map[errorKey]*errorSum
	failures  map[failureKey]*failureSum

	sessions map[*stream.Flow]*session
	latest   *session // the one used last
	cache    *classCache
}

// Totals are the numbers of the first lines.
type Totals struct {
	First       stamp   `json:"first,omitzero"`
	Last        stamp   `json:"last,omitzero"`
	Messages    int64   `json:"messages"`
	Bytes       int64   `json:"bytes"`
	Flows       int64   `json:"flows"`
	Unknown     int64   `json:"unknown_flows"` // of no known protocol
	Exchanges   int64   `json:"exchanges"`
	Errors      int64   `json:"errors"`
	Unanswered  int64   `json:"unanswered"`
	Encrypted   int64   `json:"encrypted"`
	FailedSends int64   `json:"failed_sends"`
	Missing     missing `json:"missing"`
}

// missing is what the capture does not have.
type missing struct {
	Bytes    int64 `json:"bytes"` // between messages
	Messages int64 `json:"messages"`
	CutBytes int64 `json:"cut_bytes"` // inside of messages
	GivenUp  int64 `json:"flows_given_up"`
	Unread   int64 `json:"files_unread"` // files of which not all could be read

	// As the recorder itself counted them.
	Dropped   int64 `json:"recorder_dropped"`
	OSDropped int64 `json:"kernel_dropped"`
}

type protocolSum struct {
	Name       string `json:"proto"`
	Flows      int64  `json:"flows"`
	Exchanges  int64  `json:"exchanges"`
	Errors     int64  `json:"errors"`
	Unanswered int64  `json:"unanswered"`
	Sent       int64  `json:"client_bytes"`
	Received   int64  `json:"server_bytes"`

	Logins       int64     `json:"logins"`
	LoginsFailed int64     `json:"logins_failed"`
	Closed       int64     `json:"closed"`
	Open         int64     `json:"open"` // when the capture ended
	GivenUp      int64     `json:"given_up"`
	Lifetime     durations `json:"lifetime,omitzero"`
	Idle         durations `json:"idle,omitzero"` // between an answer and the next request

	Transactions transactions `json:"transactions,omitzero"`
}

type pairKey struct {
	Client string `json:"client_name"`
	Server string `json:"server_name"`
	Path   string `json:"path,omitempty"`
	Proto  string `json:"proto,omitempty"`
}

// An endpoint is one of the two ends of a pair's first conversation.
type endpoint struct {
	Comm          string `json:"comm,omitempty"`
	PID           uint32 `json:"pid,omitempty"`
	Addr          string `json:"addr,omitempty"` // network traffic
	Exe           string `json:"exe,omitempty"`
	Container     string `json:"container,omitempty"`
	ContainerName string `json:"container_name,omitempty"`
}

type pairSum struct {
	ClientEnd endpoint `json:"client,omitzero"`
	ServerEnd endpoint `json:"server,omitzero"`
	pairKey
	Content    string `json:"content,omitempty"` // of the first, if its protocol is unknown
	First      place  `json:"first"`
	Flows      int64  `json:"flows"`
	Exchanges  int64  `json:"exchanges"`
	Errors     int64  `json:"errors"`
	Unanswered int64  `json:"unanswered"`
	Sent       int64  `json:"client_bytes"`
	Received   int64  `json:"server_bytes"`
	Latency    pace   `json:"latency,omitzero"`
}

type errorKey struct {
	Proto string `json:"proto,omitempty"`
	Code  string `json:"error_code,omitempty"`
}

type errorSum struct {
	Count int64 `json:"count"`
	errorKey
	Message string `json:"error,omitempty"` // of the first
	place
}

type failureKey struct {
	Client string `json:"client,omitempty"`
	User   string `json:"user,omitempty"`
	Server string `json:"server,omitempty"`
	Path   string `json:"path,omitempty"`
	Code   string `json:"error_code,omitempty"`
	Why    string `json:"reason,omitempty"`
}

type failureSum struct {
	Count int64 `json:"count"`
	failureKey
	place // of the first
}

// NewSummary returns an empty summary of captures with these names. Classes are
// always told apart, and what else exchanges are to be grouped by.
func NewSummary(files []string, by ...dimension) *Summary {
	s := &Summary{
		Files:     files,
		protocols: make(map[string]*protocolSum),
		pairs:     make(map[pairKey]*pairSum),
		errors:    make(map[errorKey]*errorSum),
		failures:  make(map[failureKey]*failureSum),
		sessions:  make(map[*stream.Flow]*session),
		cache:     newClassCache(),
	}
	for _, d := range append(by, ByClass) {
		s.groups[d] = make(map[groupKey]*group)
	}
	return s
}

// Exchange adds an exchange. e is not kept.
func (s *Summary) Exchange(e *Entry) {
	x := e.Exchange
	at := placeOf(e)
	s.Total.Exchanges++
	switch x.Status {
	case decoders.Error:
		s.Total.Errors++
		s.failed(e, at)
	case decoders.Unanswered:
		s.Total.Unanswered++
	case decoders.Encrypted:
		s.Total.Encrypted++
	}
	t := s.session(e.Flow)
	t.who(x)
	if d, ok := x.Latency(); ok {
		t.latency.add(d)
	}
	c := s.class(e)
	for d := range s.groups {
		if s.groups[d] == nil {
			continue
		}
		g := c
		if dimension(d) != ByClass {
			g = s.group(t, dimension(d))
		}
		g.exchange(e, at)
		g.Users.add(t.user, 1)
		g.Databases.add(t.database, 1)
		g.Processes.add(t.process, 1)
	}
	s.follow(t, c, e, at)
	if isLogin(x.Op) && (x.Status == decoders.Error || x.Status == decoders.Unanswered) {
		s.refused(e, at)
	}
}

// group returns the group of a conversation in another dimension than that of
// classes.
func (s *Summary) group(t *session, d dimension) *group {
	if g := t.groups[d]; g != nil {
		return g
	}
	k := groupKey{Name: t.user}
	about := ""
	switch d {
	case ByDatabase:
		k.Name = t.database
	case ByProcess:
		k.Name = t.process
	case ByConnection:
		k.Name = t.flow.ID
		about = connectionName(t.flow)
	}
	g := s.find(d, k)
	if g.Name != other {
		g.About = about
	}
	t.groups[d] = g
	return g
}

// connectionName says whose conversation it is.
func connectionName(f *stream.Flow) string {
	name := peerName(&f.Ends[decoders.Client]) + " → " + peerName(&f.Ends[decoders.Server])
	if p := f.Path(); p != "" {
		name += " " + p
	}
	return clean(name)
}

// find returns the group of a key, or the one for the rest.
func (s *Summary) find(d dimension, k groupKey) *group {
	groups := s.groups[d]
	if g := groups[k]; g != nil {
		return g
	}
	if len(groups) >= maxGroups[d] {
		k = rest[d]
		if g := groups[k]; g != nil {
			return g
		}
	}
	g := &group{groupKey: k}
	groups[k] = g
	return g
}

// failed adds an error to those of its code.
func (s *Summary) failed(e *Entry, at place) {
	x := e.Exchange
	k := errorKey{e.Flow.Proto, clean(x.ErrorCode)}
	sum := s.errors[k]
	if sum == nil && len(s.errors) >= maxErrors {
		k = errorKey{Code: other}
		sum = s.errors[k]
	}
	if sum == nil {
		sum = &errorSum{errorKey: k}
		s.errors[k] = sum
	}
	sum.Count++
	if sum.Time.IsZero() || at.compare(sum.place) < 0 {
		sum.place, sum.Message = at, clean(string(x.Error[:min(len(x.Error), maxExample)]))
	}
}

// refused adds a connection that came to nothing.
func (s *Summary) refused(e *Entry, at place) {
	f, x := e.Flow, e.Exchange
	k := failureKey{
		Client: clean(hostName(&f.Ends[decoders.Client])),
		Server: clean(hostName(&f.Ends[decoders.Server])),
		Path:   clean(f.Path()), User: clean(x.User), Code: clean(x.ErrorCode),
		Why: clean(string(x.Error[:min(len(x.Error), maxExample)])),
	}
	if x.Status == decoders.Unanswered {
		k.Why = "no answer"
	}
	sum := s.failures[k]
	if sum == nil && len(s.failures) >= maxFailures {
		k = failureKey{Why: other}
		sum = s.failures[k]
	}
	if sum == nil {
		sum = &failureSum{failureKey: k}
		s.failures[k] = sum
	}
	sum.Count++
	sum.place = earlier(sum.place, at)
}

// Flow adds a conversation that has ended.
func (s *Summary) Flow(f *stream.Flow) {
	t := &s.Total
	t.span(f.First, f.Last)
	t.Flows++
	if f.Proto == stream.Unknown {
		t.Unknown++
	}
	if f.Evicted {
		t.Missing.GivenUp++
	}
	for i := range f.Ends {
		p := &f.Ends[i]
		t.Messages += p.Messages
		t.Bytes += p.Bytes
		t.Missing.Bytes += p.LostBytes
		t.Missing.Messages += p.LostMessages
		t.Missing.CutBytes += p.CutBytes
		t.FailedSends += p.Failed
	}
	s.protocol(f.Proto).flow(f)
	s.pair(f)
	s.endSession(f)
}

// protocol returns the sum of a protocol.
func (s *Summary) protocol(name string) *protocolSum {
	p := s.protocols[name]
	if p == nil {
		p = &protocolSum{Name: name}
		s.protocols[name] = p
	}
	return p
}

// flow adds a conversation.
func (p *protocolSum) flow(f *stream.Flow) {
	p.Flows++
	p.Exchanges += f.Exchanges
	p.Errors += f.Errors
	p.Unanswered += f.Unanswered
	p.Sent += f.Ends[decoders.Client].Bytes
	p.Received += f.Ends[decoders.Server].Bytes
	switch ending(f) {
	case closed:
		p.Closed++
	case givenUp:
		p.GivenUp++
	default:
		p.Open++
	}
	p.Lifetime.add(int64(f.Last.Sub(f.First)))
}

func (s *Summary) pair(f *stream.Flow) {
	client, server := &f.Ends[decoders.Client], &f.Ends[decoders.Server]
	k := pairKey{clean(peerName(client)), clean(peerName(server)), clean(f.Path()), f.Proto}
	ends := [2]endpoint{endpointOf(&client.Process), endpointOf(&server.Process)}
	if client.Socket.Conn != nil {
		k.Client = hostName(client) // every connection has a port of its own
		ends[0].Addr, ends[1].Addr = k.Client, k.Server
	}
	p := s.pairs[k]
	if p == nil && len(s.pairs) >= maxPairs {
		k, ends = pairKey{Client: other}, [2]endpoint{}
		p = s.pairs[k]
	}
	if p == nil {
		p = &pairSum{pairKey: k}
		s.pairs[k] = p
	}
	var latency pace
	if t := s.sessions[f]; t != nil {
		latency.merge(&t.latency)
	}
	p.add(&pairSum{
		pairKey: k, ClientEnd: ends[0], ServerEnd: ends[1],
		Content: clean(f.Content),
		First:   place{Time: stamp{f.First}, Packet: f.Packet},
		Flows:   1, Exchanges: f.Exchanges, Errors: f.Errors, Unanswered: f.Unanswered,
		Sent: client.Bytes, Received: server.Bytes, Latency: latency,
	})
}

func endpointOf(p *capture.Process) endpoint {
	o := originOf(p)
	return endpoint{
		Comm: clean(p.Comm), PID: p.PID, Exe: clean(o.Exe),
		Container: clean(o.Container), ContainerName: clean(o.ContainerName),
	}
}

// Recorded adds what the recorder counted at the end of a file.
func (s *Summary) Recorded(stats capture.Stats) {
	for _, i := range stats.Interfaces {
		s.Total.Missing.Dropped += int64(i.Dropped)
		s.Total.Missing.OSDropped += int64(i.OSDropped)
	}
}

// Unread says how many files could not be read to their ends.
func (s *Summary) Unread(files int) { s.Total.Missing.Unread += int64(files) }
