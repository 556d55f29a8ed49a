-- The same checks in other words: for a list of three words or more SQLite builds a temporary table with each row that
-- is written. Only the text of the schema changes ("ALTER TABLE", 7, of SQLite's documentation); no row is touched.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (kind IN (''regular'', ''express'', ''unproven''))',
    'CHECK (kind = ''regular'' OR kind = ''express'' OR kind = ''unproven'')')
WHERE type = 'table';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (origin IN ('''', ''ecom'', ''epayment''))',
    'CHECK (origin = '''' OR origin = ''ecom'' OR origin = ''epayment'')')
WHERE type = 'table';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (op IN (''capture'', ''cancel'', ''refund''))',
    'CHECK (op = ''capture'' OR op = ''cancel'' OR op = ''refund'')')
WHERE type = 'table';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state IN (''open'', ''succeeded'', ''refused'', ''not_done''))',
    'CHECK (state = ''open'' OR state = ''succeeded'' OR state = ''refused'' OR state = ''not_done'')')
WHERE type = 'table';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (ended IN (''delivered'', ''dead'', ''dropped''))',
    'CHECK (ended = ''delivered'' OR ended = ''dead'' OR ended = ''dropped'')')
WHERE type = 'table';
PRAGMA writable_schema = RESET;
