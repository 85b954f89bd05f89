-- Pictures may also be shown by products that name their address, or that of a thumbnail: asked before a file is
-- erased. 39 characters are /media/ and the digest that names a file. They fit a row of an index whatever stands
-- there, which whole addresses do not.
CREATE INDEX products_image_url ON products (substr(image_url, 1, 39)) WHERE substr(image_url, 1, 7) = '/media/';
