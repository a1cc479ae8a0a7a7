-- unixcap.lua makes fields of what unixcap writes into packets' comments:
-- unix.pid, unix.comm, unix.sk, unix.path, unix.peer.pid, … docs/format.md says
-- what they mean.
--
-- Only some packets of a connection say all that is known of its two sockets. So
-- each is remembered, and packets that say less have it too, whatever is left of
-- the file. For captures that are not unixcap's this does nothing.

-- It may be installed for everybody and for oneself.
if package.loaded.unixcap then
    return
end
package.loaded.unixcap = true

set_plugin_info({
    version = "1.0",
    author = "unixcap",
    description = "Fields for UNIX sockets recorded by unixcap",
})

local unix = Proto("unix", "UNIX socket")
local comment = Field.new("frame.comment")

-- What packets say of themselves, by the key in the comment.
local event = {
    offset = ProtoField.uint64("unix.offset", "Offset", base.DEC, nil, nil, "Of the message in all that its socket sent"),
    length = ProtoField.uint64("unix.length", "Length of message", base.DEC),
    at = ProtoField.uint64("unix.at", "Place in message", base.DEC),
    took = ProtoField.relative_time("unix.took", "Call took"),
    fds = ProtoField.uint32("unix.fds", "Descriptors passed", base.DEC),
    fd_types = ProtoField.string("unix.fd_types", "Kinds of descriptors"),
    read = ProtoField.uint64("unix.read", "Bytes received", base.DEC),
    acked = ProtoField.uint64("unix.acked", "Bytes received in all", base.DEC),
    creds = ProtoField.bool("unix.creds", "Credentials passed"),
    error = ProtoField.string("unix.error", "Error"),
    close = ProtoField.bool("unix.close", "Closed"),
    lost = ProtoField.uint64("unix.lost", "Bytes lost before", base.DEC),
    lost_messages = ProtoField.uint64("unix.lost_messages", "Messages lost before", base.DEC),
    synthetic = ProtoField.bool("unix.synthetic", "Sent by nobody"),
    kind = ProtoField.string("unix.kind", "Kind of socket"),
}
local event_order = { "kind", "offset", "length", "at", "took", "fds", "fd_types", "read", "acked", "creds", "error",
    "close", "lost", "lost_messages", "synthetic" }

-- What is known of an end: of its process, and of its socket. process_order is what
-- goes with the pid.
local process_order = { "pid", "tid", "comm", "uid", "exe", "cgroup", "cgroup_path", "container", "container_name" }
local socket_order = { "sk", "inode", "cookie", "netns", "path" }
local function end_fields(prefix, whose)
    return {
        process = ProtoField.string(prefix .. "process", whose),
        pid = ProtoField.uint32(prefix .. "pid", whose .. " pid", base.DEC),
        tid = ProtoField.uint32(prefix .. "tid", whose .. " thread", base.DEC),
        comm = ProtoField.string(prefix .. "comm", whose .. " name"),
        uid = ProtoField.uint32(prefix .. "uid", whose .. " user", base.DEC),
        exe = ProtoField.string(prefix .. "exe", whose .. " executable"),
        cgroup = ProtoField.uint64(prefix .. "cgroup", whose .. " cgroup", base.DEC),
        cgroup_path = ProtoField.string(prefix .. "cgroup_path", whose .. " cgroup's path"),
        container = ProtoField.string(prefix .. "container", whose .. " container"),
        container_name = ProtoField.string(prefix .. "container_name", whose .. " container's name"),
        sk = ProtoField.uint64(prefix .. "sk", whose .. " socket (struct sock)", base.HEX),
        inode = ProtoField.uint32(prefix .. "inode", whose .. " inode", base.DEC),
        cookie = ProtoField.uint64(prefix .. "cookie", whose .. " cookie", base.DEC),
        netns = ProtoField.uint64(prefix .. "netns", whose .. " network namespace", base.DEC),
        path = ProtoField.string(prefix .. "path", whose .. " path"),
    }
end
local own_fields = end_fields("unix.", "Sender")
local peer_fields = end_fields("unix.peer.", "Peer")

local fields = {}
for _, list in ipairs({ event, own_fields, peer_fields }) do
    for _, field in pairs(list) do
        fields[#fields + 1] = field
    end
end
unix.fields = fields

local lost_info = ProtoExpert.new("unix.lost.expert", "Messages of this socket are missing before this one",
    expert.group.SEQUENCE, expert.severity.WARN)
unix.experts = { lost_info }

local wide = { offset = true, length = true, at = true, read = true, acked = true, lost = true, lost_messages = true,
    cgroup = true, cookie = true, netns = true }
local narrow = { fds = true, pid = true, tid = true, uid = true, inode = true }
local flags = { creds = true, close = true, synthetic = true }

-- value turns a comment's text into what a field of that key takes, nil if it is
-- not of that kind. Anybody may have written the comment, and a number that is too
-- large for its field is an error to Wireshark.
local function value(key, text)
    if key == "sk" then
        local digits = text:match("^0x(%x+)$")
        return digits and #digits <= 16 and UInt64.fromhex(digits) or nil
    elseif wide[key] then
        return text:match("^%d+$") and #text <= 20 and UInt64.new(text) or nil
    elseif narrow[key] then
        local n = text:match("^%d+$") and #text <= 10 and tonumber(text)
        return n and n <= 0xffffffff and n or nil
    elseif key == "took" then
        local digits = text:match("^(%d+)ns$")
        local ns = digits and #digits <= 15 and tonumber(digits) -- exact in Lua 5.2 too
        return ns and NSTime.new(math.floor(ns / 1000000000), math.floor(ns % 1000000000)) or nil
    end
    return text
end

-- unquote leaves \xHH as it is: it stands for a byte that is no text, of which
-- Wireshark's fields show nothing, or for one that ends a text.
local escapes = { n = "\n", r = "\r", t = "\t", x = "\\x" }

local function unquote(text)
    return (text:gsub("\\(.)", function(c)
        return escapes[c] or c
    end))
end

-- parse returns the fields of a comment by key, nil if it is not unixcap's.
local function parse(text)
    if not text:find("sk=0x", 1, true) then
        return nil
    end
    local said, at = {}, 1
    while true do
        local _, stop, key, mark = text:find("^%s*([^%s=]*)(=?)", at)
        if key == "" and mark == "" then
            return said.sk and said or nil
        end
        at = stop + 1
        if mark == "" then
            said[key] = flags[key] -- of another key it says nothing
        elseif text:sub(at, at) == '"' then
            local close = at
            repeat
                close = text:find('["\\]', close + 1)
                local escaped = close and text:sub(close, close) == "\\"
                if escaped then
                    close = close + 1
                end
            until not close or not escaped
            if not close then
                return said.sk and said or nil
            end
            said[key] = unquote(text:sub(at + 1, close - 1))
            at = close + 1
        else
            _, stop, said[key] = text:find("^(%S*)", at)
            at = stop + 1
        end
        if mark ~= "" and flags[key] then
            said[key] = true
        end
    end
end

-- ends has what is known of each socket of each connection at this place in the
-- file, and frames the same for each packet: its sender's and the other one's.
-- They are never changed, but replaced.
local ends, frames

function unix.init()
    ends, frames = {}, {}
end

-- described returns what a description says of an end. It is complete.
local function described(said, prefix)
    local e = {}
    for _, list in ipairs({ process_order, socket_order }) do
        for _, key in ipairs(list) do
            e[key] = said[prefix .. key]
        end
    end
    return e
end

-- sender returns what is known of an end once it sent this. What is known of
-- another process does not go for this one.
local function sender(known, said)
    if known.pid == said.pid and known.tid == said.tid and known.comm == said.comm and known.sk == said.sk
        and (not said.inode or said.inode == known.inode) then
        return known
    end
    local e = {}
    for _, key in ipairs(socket_order) do
        e[key] = known[key]
    end
    if known.pid == said.pid then
        for _, key in ipairs(process_order) do
            e[key] = known[key]
        end
    end
    e.pid, e.tid, e.comm, e.sk, e.inode = said.pid, said.tid, said.comm, said.sk, said.inode or e.inode
    return e
end

-- socket returns what an address alone says of a socket: its kernel address and
-- its inode.
local function socket(tvb, offset)
    local e = {}
    if tvb(offset + 4, 8):uint64() ~= UInt64.new(0) then
        e.sk = "0x" .. tostring(tvb(offset + 4, 8):bytes()):lower()
    end
    local inode = tvb(offset + 12, 4):uint()
    if inode ~= 0 then
        e.inode = string.format("%d", inode)
    end
    return e
end

local nothing = {}

-- learn takes in what a packet says, and returns what is known of its two ends.
local function learn(tvb, said)
    -- Two addresses and two ports tell connections apart, in each direction.
    local there = tvb:raw(8, 36)
    local back = there:sub(17, 32) .. there:sub(1, 16) .. there:sub(35, 36) .. there:sub(33, 34)
    local own, peer = ends[there] or socket(tvb, 8), ends[back] or socket(tvb, 24)
    if said.kind then
        local address = socket(tvb, 8)
        own = described(said, "")
        own.inode = own.inode or address.inode
        peer, address = described(said, "peer_"), socket(tvb, 24)
        peer.sk, peer.inode = peer.sk or address.sk, peer.inode or address.inode
    else
        own = sender(own, said)
        if said.peer_sk or said.peer_inode then
            local p = {}
            for key, v in pairs(peer) do
                p[key] = v
            end
            p.sk, p.inode = said.peer_sk or p.sk, said.peer_inode or p.inode
            peer = p
        end
    end
    ends[there], ends[back] = own, peer
    return own, peer
end

local function process_name(e)
    if not e.pid then
        return nil
    end
    return (e.comm or "") .. "[" .. e.pid .. "]"
end

local function add(tree, field, key, text)
    local v = value(key, text)
    if v ~= nil then
        return tree:add(field, v):set_generated()
    end
end

local function add_end(tree, list, e, title)
    local name = process_name(e)
    if name then
        tree:add(list.process, name):set_generated()
    end
    for _, order in ipairs({ process_order, socket_order }) do
        for _, key in ipairs(order) do
            if e[key] then
                add(tree, list[key], key, e[key])
            end
        end
    end
end

local function show(tree, said, own, peer)
    local path = own.path or peer.path
    local item = tree:add(unix, string.format("UNIX socket, %s → %s%s", process_name(own) or "unknown",
        process_name(peer) or "unknown", path and " at " .. path or "")):set_generated()
    add_end(item, own_fields, own)
    for _, key in ipairs(event_order) do
        if said[key] then
            local field = add(item, event[key], key, said[key])
            if key == "lost_messages" and field then
                field:add_proto_expert_info(lost_info)
            end
        end
    end
    add_end(item, peer_fields, peer)
end

local function ours(tvb)
    return tvb:reported_length_remaining() >= 44 and tvb:captured_len() >= 44
        and tvb(8, 4):uint() == 0xfd756e78 and tvb(24, 4):uint() == 0xfd756e78
end

function unix.dissector(tvb, pinfo, tree)
    if not ours(tvb) then
        return
    end
    local said
    for _, c in ipairs({ comment() }) do
        said = said or parse(c.value)
    end
    if not said then
        return
    end
    local known = frames[pinfo.number]
    if not known then
        local own, peer = learn(tvb, said)
        -- One table for all packets of which the same is known.
        local last = frames[own]
        known = last and last[2] == peer and last or { own, peer }
        frames[own], frames[pinfo.number] = known, known
    end
    show(tree, said, known[1], known[2])
end

register_postdissector(unix)
