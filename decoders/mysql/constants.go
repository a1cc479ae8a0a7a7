package mysql

// capabilities are the flags that both ends exchange in the handshake; those
// of MariaDB's own continue from bit 32. See "Capabilities Flags" in the
// MySQL Source Code Documentation and "Connection#Capabilities" in MariaDB's.
type capabilities uint64

const (
	clientMySQL              capabilities = 1 << 0 // CLIENT_LONG_PASSWORD; cleared by MariaDB: "extended flags follow"
	clientConnectWithDB      capabilities = 1 << 3
	clientCompress           capabilities = 1 << 5
	clientProtocol41         capabilities = 1 << 9
	clientSSL                capabilities = 1 << 11
	clientSecureConnection   capabilities = 1 << 15
	clientPluginAuth         capabilities = 1 << 19
	clientConnectAttrs       capabilities = 1 << 20
	clientPluginAuthLenenc   capabilities = 1 << 21
	clientSessionTrack       capabilities = 1 << 23
	clientDeprecateEOF       capabilities = 1 << 24
	clientZstdCompression    capabilities = 1 << 26
	clientQueryAttributes    capabilities = 1 << 27
	mariadbCapabilitiesShift              = 32
)

// Status flags, "SERVER_STATUS_flags_enum".
const (
	serverStatusInTrans       = 0x0001
	serverMoreResultsExists   = 0x0008
	serverStatusCursorExists  = 0x0040
	serverPSOutParams         = 0x1000
	serverSessionStateChanged = 0x4000
)

// Kinds of session state information, "enum_session_state_type".
const (
	sessionTrackSystemVariables            = 0
	sessionTrackSchema                     = 1
	sessionTrackStateChange                = 2
	sessionTrackGTIDs                      = 3
	sessionTrackTransactionCharacteristics = 4
	sessionTrackTransactionState           = 5
)

// First bytes that tell the generic responses apart.
const (
	headerOK          = 0x00
	headerAuthMore    = 0x01
	headerLocalInfile = 0xfb
	headerEOF         = 0xfe
	headerErr         = 0xff
)

// progressCode is the error number of MariaDB's progress reports, which look
// like an ERR_Packet and end nothing.
const progressCode = 0xffff

// lastStatement is the statement id with which MariaDB's clients mean the
// statement prepared last, so that they need not wait for its id.
const lastStatement = 0xffffffff

// Flags of COM_STMT_EXECUTE and COM_STMT_BULK_EXECUTE.
const (
	parameterCountAvailable = 0x08
	bulkSendTypes           = 0x80
)

// Indicators before each value of a COM_STMT_BULK_EXECUTE.
const (
	indicatorNone    = 0
	indicatorNull    = 1
	indicatorDefault = 2
	indicatorIgnore  = 3
)

// Field types, "enum_field_types".
const (
	typeDecimal    = 0
	typeTiny       = 1
	typeShort      = 2
	typeLong       = 3
	typeFloat      = 4
	typeDouble     = 5
	typeNull       = 6
	typeTimestamp  = 7
	typeLongLong   = 8
	typeInt24      = 9
	typeDate       = 10
	typeTime       = 11
	typeDateTime   = 12
	typeYear       = 13
	typeNewDate    = 14
	typeVarchar    = 15
	typeBit        = 16
	typeTimestamp2 = 17
	typeDateTime2  = 18
	typeTime2      = 19
	typeVector     = 242
	typeBool       = 244
	typeJSON       = 245
	typeNewDecimal = 246
	typeEnum       = 247
	typeSet        = 248
	typeTinyBlob   = 249
	typeBlob       = 252
	typeVarString  = 253
	typeString     = 254
	typeGeometry   = 255

	// unsignedFlag stands in the second byte of a parameter's type.
	unsignedFlag = 0x8000
)
