"""The scripts that a Redis or Valkey server runs, so that it decides in one piece.

The keys, with ``G`` for the prefix in braces, which keep all in one slot of a cluster:

=================  ==================================================================
``G:b:NAME:rpm``   a bucket, also ``:tpm``: a hash of its level ``n`` and the time ``t`` of it
``G:c:NAME``       running requests: a sorted set of their leases by the time when these end
``G:s:NAME:P``     what was spent in the period that began at ``P``
``G:h:NAME``       what is held: a hash of period and amount by lease, and of their sum by ``=P``
``G:u:HOUR``       the ledger of an hour: a hash of key and counter
``G:a:KEY``        an answer
``G:x:BATCH``      there once a batch was done, for as long as it might be sent again
=================  ==================================================================

Time is the server's, so that the clocks of replicas do not matter. Money is only ever added by
``INCRBY`` and its kind and looked at as text, since Lua's own numbers are exact to 2⁵³ only. Levels
are as in `gateway.state.rules`, which is tested to agree with this.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

__all__ = ["ACQUIRE", "ADD", "LEVELS", "RENEW", "SETTLE", "Script"]


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the digest by which a server knows it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


_CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local call = redis.call
"""

_LEASES = """
local function drop(c, h, id)
  local held = call('HGET', h, id)
  if held then
    local period, amount = string.match(held, '(%d+) (%d+)')
    call('HINCRBY', h, '=' .. period, '-' .. amount)
    if call('HGET', h, '=' .. period) == '0' then call('HDEL', h, '=' .. period) end
    call('HDEL', h, id)
  end
  return call('ZREM', c, id) == 1
end
local function prune(c, h)
  for _, id in ipairs(call('ZRANGEBYSCORE', c, '-inf', now)) do drop(c, h, id) end
end
"""

_BUCKETS = """
local function level(key, limit)
  local found = call('HMGET', key, 'n', 't')
  if not found[1] then return limit * 60000 end
  local at = tonumber(found[2])
  if at > now then  -- the clock was set back: from here on it counts
    at = now
    call('HSET', key, 't', string.format('%.0f', now))
  end
  return math.min(limit * 60000, tonumber(found[1]) + (now - at) * limit)
end
local function write(key, limit, value)
  if value >= limit * 60000 then
    call('DEL', key)
  else
    call('HSET', key, 'n', string.format('%.0f', value), 't', string.format('%.0f', now))
    call('PEXPIRE', key, math.ceil((limit * 60000 - value) / limit) + 1000)
  end
end
"""

_STANDING = """
-- KEYS are five for each demand: rpm, tpm, running, spent, held.
-- Returns what stands there, in the order of gateway.state.rules.Standing.
local function standing(k, rpm, tpm, period)
  prune(KEYS[k + 2], KEYS[k + 4])
  return {
    rpm > 0 and level(KEYS[k], rpm) or 0,
    tpm > 0 and level(KEYS[k + 1], tpm) or 0,
    call('ZCARD', KEYS[k + 2]),
    period ~= '' and call('GET', KEYS[k + 3]) or '0',
    period ~= '' and call('HGET', KEYS[k + 4], '=' .. period) or '0',
  }
end
"""

LEVELS = Script(
    _CLOCK
    + _LEASES
    + _BUCKETS
    + _STANDING
    + """
local found = {}
for i = 0, #KEYS / 5 - 1 do
  local a = i * 3
  found[i + 1] = standing(i * 5 + 1, tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), ARGV[a + 3])
end
return found
"""
)
"""Arguments: rpm, tpm, period for each demand; what does not exist is 0 or empty."""

ACQUIRE = Script(
    _CLOCK
    + _LEASES
    + _BUCKETS
    + _STANDING
    + """
-- Tells whether a + b + c + d > 0, all of them texts.
local function is_positive(h, a, b, c, d)
  call('HSET', h, '?', a)
  call('HINCRBY', h, '?', b)
  call('HINCRBY', h, '?', c)
  call('HINCRBY', h, '?', d)
  local sum = call('HGET', h, '?')
  call('HDEL', h, '?')
  return sum ~= '0' and string.sub(sum, 1, 1) ~= '-'
end
local id, lasts = ARGV[1], tonumber(ARGV[2])
local ok, found = 1, {}
for i = 0, #KEYS / 5 - 1 do
  local k, a = i * 5 + 1, i * 7 + 2
  local rpm, tpm = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local concurrency = tonumber(ARGV[a + 3])
  local tokens, amount, less = tonumber(ARGV[a + 4]), ARGV[a + 6], ARGV[a + 7]
  local at = standing(k, rpm, tpm, ARGV[a + 5])
  found[i + 1] = at
  if (rpm > 0 and at[1] < 60000) or (tpm > 0 and at[2] < tokens * 60000)
    or (concurrency > 0 and at[3] >= concurrency)
    or (amount ~= '0' and is_positive(KEYS[k + 4], at[4], at[5], amount, less))
  then ok = 0 end
end
if ok == 1 then
  for i = 0, #KEYS / 5 - 1 do
    local k, a, at = i * 5 + 1, i * 7 + 2, found[i + 1]
    local rpm, tpm = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
    if rpm > 0 then write(KEYS[k], rpm, at[1] - 60000) end
    if tpm > 0 then write(KEYS[k + 1], tpm, at[2] - tonumber(ARGV[a + 4]) * 60000) end
    call('ZADD', KEYS[k + 2], string.format('%.0f', now + lasts), id)
    call('PEXPIRE', KEYS[k + 2], lasts * 2)
    if ARGV[a + 6] ~= '0' then
      call('HSET', KEYS[k + 4], id, ARGV[a + 5] .. ' ' .. ARGV[a + 6])
      call('HINCRBY', KEYS[k + 4], '=' .. ARGV[a + 5], ARGV[a + 6])
      call('PEXPIRE', KEYS[k + 4], lasts * 2)
    end
  end
end
return {ok, found}
"""
)
"""Arguments: the lease, its milliseconds; then rpm, tpm, concurrency, tokens, period, amount
and the budget below zero for each demand. Returns 1 if it was granted, and what stood there before.
"""

SETTLE = Script(
    _CLOCK
    + _LEASES
    + _BUCKETS
    + """
if not call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 0 end
for i = 0, (#KEYS - 1) / 5 - 1 do
  local k, a = i * 5 + 2, i * 8 + 1
  local kind, id = ARGV[a + 1], ARGV[a + 2]
  local rpm, tpm, tokens = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local was = drop(KEYS[k + 2], KEYS[k + 4], id)
  if kind == 'granted' and tpm > 0 then
    write(KEYS[k + 1], tpm, level(KEYS[k + 1], tpm) + (tokens - tonumber(ARGV[a + 6])) * 60000)
  elseif kind == 'doubtful' and was then
    if rpm > 0 then write(KEYS[k], rpm, level(KEYS[k], rpm) + 60000) end
    if tpm > 0 then write(KEYS[k + 1], tpm, level(KEYS[k + 1], tpm) + tokens * 60000) end
  end
  if kind ~= 'doubtful' and ARGV[a + 7] ~= '0' then
    call('INCRBY', KEYS[k + 3], ARGV[a + 7])
    if ARGV[a + 8] ~= '0' then call('EXPIREAT', KEYS[k + 3], ARGV[a + 8]) end
  end
end
return 1
"""
)
"""Keys: that of the batch, then five for each demand of each settlement. Arguments: how many
seconds the batch is remembered; then kind, lease, rpm, tpm, tokens taken, tokens used, cost, and
the second since 1970 when the period may be forgotten (0 is never).
"""

RENEW = Script(
    _CLOCK
    + """
local lasts = tonumber(ARGV[1])
for i = 0, #KEYS / 2 - 1 do
  call('ZADD', KEYS[i * 2 + 1], 'XX', string.format('%.0f', now + lasts), ARGV[i + 2])
  call('PEXPIRE', KEYS[i * 2 + 1], lasts * 2)
  call('PEXPIRE', KEYS[i * 2 + 2], lasts * 2)
end
"""
)
"""Keys: running and held for each name of each lease. Arguments: milliseconds, then the leases."""

ADD = Script(
    """
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 0 end
for i = 2, #KEYS do
  local a = (i - 2) * 3 + 1
  redis.call('HINCRBY', KEYS[i], ARGV[a + 1], ARGV[a + 2])
  redis.call('EXPIREAT', KEYS[i], ARGV[a + 3])
end
return 1
"""
)
"""Keys: that of the batch, then one of an hour for each addition. Arguments: how many seconds the
batch is remembered, then field, amount and the second when the hour is forgotten.
"""
