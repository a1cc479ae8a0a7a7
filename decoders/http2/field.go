package http2

const (
	// maxName bounds the names of fields that are kept.
	maxName = 256

	// maxMessage bounds values that are no targets. grpc-message is the longest
	// that is shown.
	maxMessage = 2 << 10
)

// A field is what a field's name says.
type field uint8

const (
	noField      field = iota // there is none: a size update
	fieldUnknown              // the name is not known
	fieldOther                // it is not looked at

	fieldMethod
	fieldAuthority
	fieldPath
	fieldProtocol // RFC 8441, 4
	fieldStatus

	fieldHost
	fieldUserAgent
	fieldAuthorization
	fieldContentType
	fieldContentEncoding
	fieldServer
	fieldLocation

	fieldGRPCStatus
	fieldGRPCMessage
	fieldGRPCEncoding
	fieldGRPCTimeout

	firstShown = fieldMethod
)

// fieldOf returns what a name says: RFC 9113, 8.2 has them in lower case.
func fieldOf(name []byte) field {
	if len(name) < len(fieldLengths) && fieldLengths[len(name)] {
		if f, ok := fieldNames[string(name)]; ok {
			return f
		}
	}
	return fieldOther
}

var fieldNames = map[string]field{
	":method": fieldMethod, ":authority": fieldAuthority, ":path": fieldPath, ":protocol": fieldProtocol,
	":status": fieldStatus,
	"host":    fieldHost, "user-agent": fieldUserAgent, "authorization": fieldAuthorization, "content-type": fieldContentType,
	"content-encoding": fieldContentEncoding, "server": fieldServer, "location": fieldLocation,
	"grpc-status": fieldGRPCStatus, "grpc-message": fieldGRPCMessage, "grpc-encoding": fieldGRPCEncoding, "grpc-timeout": fieldGRPCTimeout,
}

// fieldLengths are the lengths of the names of fields that are looked at.
var fieldLengths = func() (t [len("content-encoding") + 1]bool) {
	for name := range fieldNames {
		t[len(name)] = true
	}
	return t
}()
