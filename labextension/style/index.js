import './base.css';
import './panel.css';
import './nodes.css';
import './nodepage.css';
